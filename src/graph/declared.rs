//! Holds what a model declares of a value against what inference finds, and fills its gaps.

use crate::tensor::{TensorType, Type};

/// Whether the declared type contradicts the inferred one: the two, said in words.
///
/// Only what both know is compared; a dimension that either leaves open agrees with any.
pub fn disagreement(inferred: &Type, declared: &Type) -> Option<String> {
    let (Type::Tensor(ours), Type::Tensor(theirs)) = (inferred, declared) else { return None };
    let shapes_agree = match (&ours.shape, &theirs.shape) {
        (Some(a), Some(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.agrees_with(*b)),
        _ => true,
    };
    if ours.element == theirs.element && shapes_agree {
        return None;
    }
    Some(format!("the model declares {}, inference finds {}", text(theirs), text(ours)))
}

fn text(ty: &TensorType) -> String {
    match &ty.shape {
        None => format!("{} of unknown rank", ty.element),
        Some(shape) => {
            let dims: Vec<String> = shape.iter().map(ToString::to_string).collect();
            format!("{}[{}]", ty.element, dims.join(","))
        }
    }
}

/// Fills what inference does not know of a type with what the model declares, unless the two disagree.
pub fn adopt(ty: &mut Type, declared: Type) {
    match (&mut *ty, declared) {
        (Type::Unknown, declared) => *ty = declared,
        (Type::Tensor(ours), Type::Tensor(theirs))
            if ours.shape.is_none() && ours.element == theirs.element =>
        {
            ours.shape = theirs.shape;
        }
        _ => {}
    }
}
