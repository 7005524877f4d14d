//! A block of lines on the terminal that is drawn again in place.

use super::Output;

/// The block, on stderr. What was drawn last stays.
#[derive(Debug)]
pub struct Live<'a> {
    output: &'a Output,
    /// Lines drawn so far.
    height: usize,
}

impl<'a> Live<'a> {
    pub(super) const fn new(output: &'a Output) -> Self {
        Self { output, height: 0 }
    }

    /// Draws the block over the one before.
    pub fn draw(&mut self, text: &str) {
        self.output.err(&frame(self.height, text));
        self.height = text.lines().count();
    }
}

/// Up to the first line of the block, and over it; lines that are too long are cut by the terminal
/// rather than wrapped, so that the block has as many lines as the text.
fn frame(height: usize, text: &str) -> String {
    let up = match height {
        0 => String::new(),
        lines => format!("\x1b[{lines}F"),
    };
    let mut frame = format!("\x1b[?7l{up}");
    for line in text.lines() {
        frame.push_str(line);
        frame.push_str("\x1b[K\n");
    }
    frame.push_str("\x1b[J\x1b[?7h");
    frame
}

#[cfg(test)]
mod tests {
    use super::frame;

    #[test]
    fn a_block_is_drawn_over_the_one_before() {
        assert_eq!(
            frame(0, "a\nb\n"),
            "\x1b[?7la\x1b[K\nb\x1b[K\n\x1b[J\x1b[?7h"
        );
        assert_eq!(frame(2, "c\n"), "\x1b[?7l\x1b[2Fc\x1b[K\n\x1b[J\x1b[?7h");
    }
}
