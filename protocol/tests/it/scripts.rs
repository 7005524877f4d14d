//! Rounds as plays: `testdata/round/*.txt` holds commands, each at a time, and what the machines
//! then do, indented. A script passes if they do exactly that.
//!
//! `UPDATE_EXPECT=1` rewrites the indented lines. Read them before you keep them: the prose says
//! what must happen. The commands are listed in [`Play::command`].

use std::collections::BTreeMap;
use std::fs;

use expect_test::expect_file;
use spirt_protocol::{
    Digest, Event, Frame, Input, Manifest, Message, Output, PeerId, Reception, Seal, Time, Verified,
};

use crate::forge::{Key, header, seal_body, spec};
use crate::swarm::{Link, Seen, Swarm, millis};

/// A script under way.
struct Play {
    swarm: Swarm,
    state: Option<Manifest>,
    names: BTreeMap<Digest, String>,
    shown: usize,
    text: String,
}

fn play(script: &str) -> String {
    let mut play = Play {
        swarm: Swarm::new(&[], spec(Key::of("A").peer())),
        state: None,
        names: BTreeMap::new(),
        shown: 0,
        text: String::new(),
    };
    for line in script.lines().filter(|line| !line.starts_with("  ")) {
        play.text += line;
        play.text.push('\n');
        if !line.starts_with('#') && !line.is_empty() {
            play.line(line);
            play.show();
        }
    }
    play.text
}

impl Play {
    fn line(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["peers", names @ ..] => {
                let spec = (*self.swarm.spec).clone();
                self.swarm = Swarm::new(names, spec);
            }
            // What peers hear and find worth it, they pass on.
            ["gossip"] => self.swarm.gossip = true,
            ["spec", settings @ ..] => settings.iter().for_each(|setting| self.setting(setting)),
            ["roster", names @ ..] => {
                let roster = self.all(names);
                self.state = Some(self.swarm.state(0, &roster, b"model"));
            }
            ["compute", millis] => {
                self.swarm.compute = Some(millis.parse().expect("milliseconds"));
            }
            [time, command @ ..] => {
                let seconds: f64 = time.parse().expect("a line begins with a time in seconds");
                self.swarm
                    .run_until(Time(millis((seconds * 1000.0).round() as u64)));
                self.command(command);
            }
            [] => {}
        }
    }

    fn setting(&mut self, setting: &str) {
        let spec = std::sync::Arc::make_mut(&mut self.swarm.spec);
        let (key, value) = setting.split_once('=').expect("key=value");
        let value: u16 = value.parse().expect("a number");
        match key {
            "byzantine" => spec.max_byzantine = value,
            "faulty" => spec.max_faulty = value,
            "quorum" => {
                spec.min_peers = value;
                spec.min_inputs = value;
            }
            "inputs" => spec.min_inputs = value,
            "rounds" => spec.rounds = value.into(),
            "inline" => spec.inline_max = value.into(),
            _ => panic!("no setting is called {key}"),
        }
        spec.check().expect("a valid specification");
    }

    /// Does one thing. Without a word: nothing but to let time pass.
    fn command(&mut self, words: &[&str]) {
        match words {
            [] => {}
            ["start", names @ ..] => self.each(names, |play, peer| {
                let state = play.state.clone().expect("a roster comes first");
                play.swarm.start(peer, vec![state], true);
            }),
            // Starts from a state that nobody else holds.
            ["fork", names @ ..] => self.each(names, |play, peer| {
                let mut state = play.state.clone().expect("a roster comes first");
                state.model = Digest::of(b"another model");
                play.swarm.start(peer, vec![state], true);
            }),
            // Starts without any state.
            ["join", names @ ..] => self.each(names, |play, peer| {
                play.swarm.start(peer, vec![], false);
            }),
            // Starts, or starts again, with no more than the first state.
            ["enter", names @ ..] => self.each(names, |play, peer| {
                let state = play.state.clone().expect("a roster comes first");
                play.swarm.start(peer, vec![state], false);
            }),
            // The computation of the round's contribution is done.
            ["gradient", names @ ..] => self.each(names, |play, peer| play.swarm.gradient(peer)),
            ["leave", names @ ..] => {
                self.each(names, |play, peer| play.swarm.input(peer, Input::Leave));
            }
            // The process dies, and the others notice; or do not.
            ["crash", names @ ..] => self.each(names, |play, peer| play.swarm.stop(peer, true)),
            ["vanish", names @ ..] => self.each(names, |play, peer| play.swarm.stop(peer, false)),
            // The payloads of these authors break the spec.
            ["bad", names @ ..] => self.each(names, |play, peer| {
                play.swarm.bad.insert(peer);
            }),
            // Which payloads these peers still hold for others.
            ["keeps", names @ ..] => self.each(names, Self::show_kept),
            // An author does not serve its payloads to some.
            ["withhold", author, "->", names @ ..] => {
                let author = self.swarm.index(author);
                self.each(names, |play, peer| {
                    play.swarm.unserved.insert((peer, author));
                });
            }
            ["drop", from, "->", to @ ..] => self.links(from, to, Some(Link::Drop)),
            ["hold", from, "->", to @ ..] => self.links(from, to, Some(Link::Hold)),
            ["open", from, "->", to @ ..] => self.links(from, to, None),
            // A liar, which has a key but no machine, signs something.
            [
                "forge",
                liar,
                what @ ("header" | "misfit"),
                label,
                "->",
                to @ ..,
            ] => {
                let (liar, to) = (self.swarm.index(liar), self.all(to));
                let machine = self.swarm.machine(to[0]);
                let mut message = header(machine.state_id().expect("a member has a state"));
                if let ("misfit", Message::Contribution(header)) = (*what, &mut message) {
                    header.dimension += 1;
                }
                let body = self.swarm.payload(liar, machine.round(), label);
                self.forge(liar, message, &body, &to);
            }
            ["forge", liar, "seal", attempt, entries @ ..] => {
                let attempt = attempt.parse().expect("an attempt");
                let arrow = entries
                    .iter()
                    .position(|word| *word == "->")
                    .expect("an arrow");
                let names = entries[..arrow]
                    .iter()
                    .map(|word| word.trim_matches(['[', ']']));
                let names: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
                let digest = |name: &&str| {
                    let found = self.names.iter().find(|(_, known)| known == name);
                    *found
                        .unwrap_or_else(|| panic!("nothing is called {name}"))
                        .0
                };
                let entries: Vec<Digest> = names.iter().map(digest).collect();
                let to = self.all(&words[5 + arrow..]);
                let liar = self.swarm.index(liar);
                self.forge(
                    liar,
                    Message::Seal(Seal { view: 0, attempt }),
                    &seal_body(&entries),
                    &to,
                );
            }
            _ => panic!("no such command: {}", words.join(" ")),
        }
    }

    fn all(&self, names: &[&str]) -> Vec<usize> {
        names.iter().map(|name| self.swarm.index(name)).collect()
    }

    fn each(&mut self, names: &[&str], act: impl Fn(&mut Self, usize)) {
        for peer in self.all(names) {
            act(self, peer);
        }
    }

    fn links(&mut self, from: &str, to: &[&str], link: Option<Link>) {
        let from = self.swarm.index(from);
        for to in self.all(to) {
            match link {
                Some(link) => drop(self.swarm.links.insert((from, to), link)),
                None => self.swarm.open(from, to),
            }
        }
    }

    fn forge(&mut self, liar: usize, message: Message, body: &[u8], to: &[usize]) {
        let round = self.swarm.machine(to[0]).round().0;
        let place = (self.swarm.spec.id(), 1, round);
        let frame = self.swarm.peers[liar]
            .key
            .say(place, message, body)
            .expect("well formed");
        self.name_entry(&frame);
        for peer in to {
            self.swarm
                .deliver(&frame, *peer, self.swarm.now + millis(10));
        }
    }
}

// What is shown.
impl Play {
    /// Writes down what happened since the last command: peers that do the same at the same time
    /// share a line.
    fn show(&mut self) {
        let seen: Vec<_> = self.swarm.seen[self.shown..].to_vec();
        self.shown = self.swarm.seen.len();
        let mut lines: Vec<(Time, String, Vec<usize>)> = Vec::new();
        for (at, peer, what) in seen {
            let Some(text) = self.describe(&what) else {
                continue;
            };
            let same = |line: &&mut (Time, String, _)| line.0 == at && line.1 == text;
            match lines.iter_mut().find(same) {
                Some((.., who)) => who.push(peer),
                None => lines.push((at, text, vec![peer])),
            }
        }
        for (at, text, mut who) in lines {
            who.sort_unstable();
            who.dedup();
            let who: Vec<&str> = who
                .iter()
                .map(|i| self.swarm.peers[*i].name.as_str())
                .collect();
            let seconds = at.0.as_secs_f64();
            self.text += &format!("    {seconds:.3} {}: {text}\n", who.join(" "));
        }
    }

    fn show_kept(&mut self, peer: usize) {
        let machine = self.swarm.machine(peer);
        let kept = machine.kept_payloads();
        let rounds = (0..=machine.round().0).map(spirt_protocol::Round);
        let frames = rounds.flat_map(|round| machine.frames(round));
        let of_kept = frames.filter(|frame| {
            let is_contribution = matches!(frame.message(), Message::Contribution(_));
            is_contribution && kept.contains(&frame.envelope().root)
        });
        let named = of_kept.map(|frame| format!("{}/{}", self.name(frame.author()), frame.round()));
        let mut named: Vec<String> = named.collect();
        assert_eq!(named.len(), kept.len(), "what is kept has a name");
        named.sort_unstable();
        let (seconds, name) = (self.swarm.now.0.as_secs_f64(), &self.swarm.peers[peer].name);
        self.text += &format!("    {seconds:.3} {name}: keeps [{}]\n", named.join(" "));
    }

    fn describe(&mut self, seen: &Seen) -> Option<String> {
        match seen {
            Seen::Output(output) => self.describe_output(output),
            Seen::Heard(frame, reception) => {
                // What is stale is an answer to a question that has settled itself.
                use Reception::{Duplicate, Fresh, Stale};
                let dull = matches!(reception, Fresh | Duplicate | Stale);
                let (author, kind) = (self.name(frame.author()), kind(frame.message()));
                (!dull).then(|| format!("hears {author}'s {kind}: {}", reception.name()))
            }
        }
    }

    fn describe_output(&mut self, output: &Output) -> Option<String> {
        Some(match output {
            Output::Publish(frame) => self.describe_frame(frame),
            Output::Compute { round, roster } => {
                format!("computes round {round} among {}", self.list(roster))
            }
            Output::FetchState { holders, .. } => {
                format!("fetches a state held by {}", self.list(holders))
            }
            Output::Aggregate { contributions, .. } => {
                let authors: Vec<PeerId> = contributions.iter().map(|(peer, _)| *peer).collect();
                format!("aggregates {}", self.list(&authors))
            }
            Output::Apply { update: false, .. } => "keeps the model".into(),
            Output::Report(peer, offence) => format!("reports {}: {offence}", self.name(*peer)),
            Output::Reveal(_) => "shows its payload".into(),
            Output::Notify(event) => return self.describe_event(event),
            Output::Apply { .. }
            | Output::Fetch { .. }
            | Output::Pull { .. }
            | Output::Query(_) => {
                return None;
            }
        })
    }

    fn describe_frame(&mut self, frame: &Verified<Frame>) -> String {
        self.name_entry(frame);
        let subject = frame
            .subject()
            .map(|peer| self.name(peer))
            .unwrap_or_default();
        let session = frame.envelope().session;
        let (start, rewinds) = (session >> 32, session & 0xffff_ffff);
        let anew = match (start, rewinds) {
            (1, 0 | 1) => String::new(),
            _ => format!(" in session {start}.{rewinds}"),
        };
        match frame.message() {
            Message::Contribution(_) => format!("contributes{anew}"),
            Message::Seal(Seal { view, attempt }) => {
                let (digests, _) = frame.body().as_chunks::<32>();
                let name = |digest: &[u8; 32]| {
                    let known = self.names.get(&Digest(*digest));
                    known.cloned().unwrap_or_else(|| "?".into())
                };
                let mut entries: Vec<String> = digests.iter().map(name).collect();
                entries.sort_unstable();
                let again = match view {
                    0 => String::new(),
                    _ => format!(" in view {view}"),
                };
                format!("seals {attempt} [{}]{again}{anew}", entries.join(" "))
            }
            Message::Join(_) => format!("asks to join{anew}"),
            Message::Admit => format!("admits {subject}{anew}"),
            Message::Leave => format!("says goodbye{anew}"),
            Message::Accuse => format!("accuses {subject}{anew}"),
            Message::Vouch => format!("vouches{anew}"),
        }
    }

    fn describe_event(&self, event: &Event) -> Option<String> {
        Some(match event {
            Event::Started { member: true, .. } | Event::Left => return None,
            Event::Started { round, roster, .. } => {
                format!("watches round {round} of a roster of {roster}")
            }
            Event::Waiting { have, need, .. } => format!("waits: {have} of {need} are in"),
            Event::Agreed(record) => {
                let groups = [
                    ("in", &record.contributors),
                    ("absent", &record.absent),
                    ("joined", &record.joined),
                    ("left", &record.left),
                    ("banned", &record.banned),
                ];
                let groups = groups.iter().filter(|(_, peers)| !peers.is_empty());
                let groups = groups.map(|(name, peers)| format!("; {name} {}", self.list(peers)));
                let groups: String = groups.collect();
                let speed = match record.attempts {
                    0 => "at once".into(),
                    attempts => format!("after {attempts} attempts"),
                };
                let update = if record.update {
                    ""
                } else {
                    "; too few for an update"
                };
                format!("agrees {speed}{groups}{update}")
            }
            Event::CatchingUp => "looks for the state of the others".into(),
            Event::Adopted {
                round, vouchers, ..
            } => {
                format!("takes over a state before round {round}, vouched for by {vouchers}")
            }
            Event::Done(_) => "is done".into(),
        })
    }

    fn name(&self, id: PeerId) -> String {
        let peer = self.swarm.index_of(id).map(|i| &self.swarm.peers[i]);
        peer.map_or_else(|| "?".into(), |peer| peer.name.clone())
    }

    fn list(&self, peers: &[PeerId]) -> String {
        let mut names: Vec<String> = peers.iter().map(|peer| self.name(*peer)).collect();
        names.sort_unstable();
        names.join(" ")
    }

    /// Gives an entry a name: `A`, and `A'` for the next of `A`; `A+E` for A's admission of E, `A-`
    /// for A's goodbye, `A!L` for A's accusation of L.
    fn name_entry(&mut self, frame: &Verified<Frame>) {
        let author = self.name(frame.author());
        let subject = frame
            .subject()
            .map(|peer| self.name(peer))
            .unwrap_or_default();
        let mut name = match frame.message() {
            Message::Contribution(_) => author,
            Message::Admit => format!("{author}+{subject}"),
            Message::Leave => format!("{author}-"),
            Message::Accuse => format!("{author}!{subject}"),
            Message::Seal(Seal { attempt: 1, .. }) => format!("{author}:1"),
            Message::Seal(_) | Message::Join(_) | Message::Vouch => return,
        };
        let round = frame.round().0;
        if round > 0 {
            name = format!("{name}/{round}");
        }
        while self
            .names
            .iter()
            .any(|(digest, known)| *known == name && *digest != frame.digest())
        {
            name.push('\'');
        }
        self.names.insert(frame.digest(), name);
    }
}

const fn kind(message: &Message) -> &'static str {
    match message {
        Message::Contribution(_) => "contribution",
        Message::Seal(_) => "seal",
        Message::Join(_) => "request to join",
        Message::Admit => "admission",
        Message::Leave => "goodbye",
        Message::Accuse => "accusation",
        Message::Vouch => "vouch",
    }
}

fn check(name: &str) {
    let path = format!("{}/testdata/round/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    let script = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    expect_file![path].assert_eq(&play(&script));
}

/// One test for each script, named alike.
macro_rules! scripts {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                check(stringify!($name));
            }
        )*

        #[test]
        fn every_script_is_played() {
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/round");
            let files = fs::read_dir(folder).expect("the folder of scripts");
            let mut files: Vec<String> = files
                .map(|file| file.expect("readable").file_name().into_string().expect("a name"))
                .collect();
            files.sort_unstable();
            let mut named = vec![$(concat!(stringify!($name), ".txt")),*];
            named.sort_unstable();
            assert_eq!(files, named);
        }
    };
}

scripts! {
    a_contribution_announced_after_payloads_were_shown_does_not_count
    a_dead_peer_is_waited_for_until_the_deadline
    a_goodbye_is_not_waited_for
    a_header_that_breaks_the_spec_is_known_to_all_once_one_has_heard_it
    a_header_that_breaks_the_spec_is_not_waited_for
    a_joiner_is_sponsored_and_counts_from_the_next_border
    a_late_contribution_is_counted_not_aggregated
    a_lone_founder_admits_newcomers
    a_newcomer_follows_a_survivor_into_the_next_round
    a_node_on_another_state_takes_over_that_of_the_plurality
    a_payload_that_breaks_the_spec_is_reported_and_not_sealed
    a_payload_that_nobody_has_is_not_waited_for_until_the_deadline
    a_rewound_peer_speaks_in_a_new_session
    a_round_that_would_lose_its_update_is_waited_for_twice_as_long
    a_withheld_payload_comes_from_a_sealer
    a_spoilt_contribution_is_no_reason_to_wait_for_a_quorum
    all_first_seals_alike_end_the_round
    an_agreed_contribution_that_one_alone_was_shown_comes_from_those_who_sealed_it
    an_equivocator_found_out_after_the_seals_is_banned_a_round_later
    an_equivocator_is_dropped_accused_and_banned
    below_quorum_the_round_waits
    newcomers_are_admitted_when_members_die_after_they_contributed
    payloads_are_kept_for_a_newcomer_that_has_not_got_them_yet
    payloads_are_kept_for_whoever_follows_the_round
    what_breaks_the_spec_costs_the_others_no_attempt
    what_more_than_f_sealed_is_in_the_set
    what_only_its_author_sealed_is_left_out
}
