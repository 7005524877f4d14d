//! Exactness of the sums.

use super::average;

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| x.to_bits()).collect()
}

#[test]
fn values_near_the_largest_float_do_not_overflow() {
    let row = [f32::MAX, f32::MIN, 3e38];
    assert_eq!(average(&[row.as_slice(); 5], 3), row);
}

#[test]
fn one_row_is_returned_as_it_is_down_to_the_sign_of_zero() {
    let row = [-0.0_f32, 0.0, 1e-45, -1.5];
    assert_eq!(bits(&average(&[row.as_slice()], 4)), bits(&row));
    assert_eq!(bits(&average(&[row.as_slice(); 3], 4)), bits(&row));
}

#[test]
fn a_column_with_a_wide_range_of_magnitudes_has_one_sum_in_any_order() {
    let column = [1e30_f32, 1.0, -1e30, 3e-20, 0.1, -7.7e12, 0.0];
    let mut expected = None;
    for shift in 0..column.len() {
        let rows: Vec<[f32; 1]> = (0..column.len())
            .map(|i| [column[(i * 3 + shift) % column.len()]])
            .collect();
        let rows: Vec<&[f32]> = rows.iter().map(<[f32; 1]>::as_slice).collect();
        let found = average(&rows, 1)[0].to_bits();
        assert_eq!(*expected.get_or_insert(found), found);
    }
}

#[test]
fn the_mean_is_rounded_once_from_the_exact_sum() {
    let rows: [[f32; 2]; 3] = [[1.0, 16_777_216.0], [1.0, 1.0], [1.0, 1.0]];
    let rows: Vec<&[f32]> = rows.iter().map(<[f32; 2]>::as_slice).collect();
    assert_eq!(average(&rows, 2), [1.0, (16_777_218.0_f64 / 3.0) as f32]);
}
