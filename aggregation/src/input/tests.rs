//! What `Inputs` accepts, and whom it names when it does not.

use super::Inputs;
use crate::error::InputError;

#[test]
fn rows_of_equal_length_and_finite_values_are_accepted() {
    let rows = vec![
        vec![1.0_f32, 2.0, 3.0],
        vec![f32::MAX, -0.0, f32::MIN_POSITIVE],
    ];
    let inputs = Inputs::new(&rows).unwrap();
    assert_eq!((inputs.n(), inputs.dimension()), (2, 3));
    assert_eq!(inputs.rows()[1][0], f32::MAX);
    assert!(Inputs::new(&[[1.0_f32]]).is_ok());
    let slices: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
    assert!(Inputs::new(&slices).is_ok());
}

#[test]
fn no_rows_and_no_coordinates_are_refused() {
    let none: [&[f32]; 0] = [];
    assert_eq!(Inputs::new(&none).unwrap_err(), InputError::NoRows);
    let empty: [&[f32]; 2] = [&[], &[]];
    assert_eq!(Inputs::new(&empty).unwrap_err(), InputError::NoCoordinates);
}

#[test]
fn a_row_of_another_length_is_named() {
    let rows = [vec![1.0_f32, 2.0], vec![3.0, 4.0], vec![5.0]];
    let error = Inputs::new(&rows).unwrap_err();
    let expected = InputError::Ragged {
        row: 2,
        expected: 2,
        found: 1,
    };
    assert_eq!(error, expected);
    assert_eq!(error.to_string(), "row 2 has 1 coordinates, expected 2");
}

#[test]
fn the_first_value_that_is_not_finite_is_named_with_its_place() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        for coordinate in [0, 1023, 1024, 2999] {
            let mut rows = vec![vec![0.5_f32; 3000]; 4];
            rows[2][coordinate] = bad;
            rows[3][0] = bad;
            let Err(InputError::NotFinite {
                row,
                coordinate: at,
                ..
            }) = Inputs::new(&rows)
            else {
                panic!("{bad} was accepted");
            };
            assert_eq!((row, at), (2, coordinate));
        }
    }
}
