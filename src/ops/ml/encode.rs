//! Scaling, encoding and conversion of features: tables, maps and vectors.

use super::{samples, size, sizes};
use crate::ops::dims::{count, output_count};
use crate::ops::elementwise::same_shape;
use crate::ops::{Attribute, Counts, Node, OpError};
use crate::tensor::{Dim, ElementType, Shape, TensorType, Type};

/// The shape of the first input, in float32: `Scaler` and `Normalizer`.
pub fn as_float(node: &Node) -> Result<Vec<Type>, OpError> {
    same_shape(node, ElementType::Float32)
}

/// Offsets and scales.
pub fn scaler_parameters(node: &Node) -> (u64, u64) {
    sizes(node, &["offset", "scale"])
}

/// Values that take the place of missing ones.
pub fn imputer_parameters(node: &Node) -> (u64, u64) {
    sizes(node, &["imputed_value_floats", "imputed_value_int64s"])
}

/// By the largest of a row, its sum, or the root of its sum of squares.
///
/// Source: ai.onnx.ml `Normalizer`, version 1.
pub fn normalizer_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let (samples, _) = samples(node)?;
    let elements = node.count(0)?;
    let each = match node.str_or("norm", "MAX")? {
        "MAX" | "L1" => Counts { alu: 1, div: 1, ..Counts::ZERO },
        "L2" => Counts { alu: 2, div: 1, ..Counts::ZERO },
        other => {
            let problem = format!("is \"{other}\", expected MAX, L1 or L2");
            return Err(OpError::Attribute { name: "norm", problem });
        }
    };
    let roots = if node.str_or("norm", "MAX")? == "L2" { count(&[samples], "the samples")? } else { 0 };
    each.times(elements)?.plus(Counts::div(roots)).map(Counts::by_formula)
}

/// Columns of `X` (the last dimension) chosen by as many indices as `Y` has; a vector becomes one row.
///
/// Source: ai.onnx.ml `ArrayFeatureExtractor`, version 1.
pub fn extractor(node: &Node) -> Result<Vec<Type>, OpError> {
    let chosen = node.tensor(1)?.elements();
    let mut shape: Shape = match node.shape(0)? {
        [] => return Err(OpError::Rank { input: 0, expected: "at least 1", found: 0 }),
        [_] => vec![Dim::Exact(1)],
        [outer @ .., _] => outer.to_vec(),
    };
    shape.push(chosen);
    Ok(vec![TensorType::new(node.element(0)?, shape).into()])
}

/// All inputs side by side, `[N, sum of F]`; a vector is one row.
///
/// Source: ai.onnx.ml `FeatureVectorizer`, version 1.
pub fn vectorizer(node: &Node) -> Result<Vec<Type>, OpError> {
    let (samples, _) = samples(node)?;
    let mut features = Dim::Exact(0);
    for input in 0..node.inputs.len() {
        let width = node.shape(input)?.last().copied().unwrap_or(Dim::Exact(1));
        features = features.plus(width);
    }
    Ok(vec![TensorType::new(ElementType::Float32, vec![samples, features]).into()])
}

/// The input's shape and one dimension more, as long as the list of categories.
///
/// Source: ai.onnx.ml `OneHotEncoder`, version 1.
pub fn one_hot(node: &Node) -> Result<Vec<Type>, OpError> {
    let categories = size(node, "cats_strings").0.max(size(node, "cats_int64s").0);
    let mut shape = node.shape(0)?.to_vec();
    shape.push(Dim::Exact(categories));
    Ok(vec![TensorType::new(ElementType::Float32, shape).into()])
}

/// Categories.
pub fn one_hot_parameters(node: &Node) -> (u64, u64) {
    sizes(node, &["cats_strings", "cats_int64s"])
}

/// The input's shape in the type of the values: of the list that is given, or in version 1 strings for
/// integers and integers for strings.
///
/// Source: ai.onnx.ml `LabelEncoder`, versions 1 to 4.
pub fn label_encoder(node: &Node) -> Result<Vec<Type>, OpError> {
    let given = [
        ("values_strings", ElementType::String),
        ("values_int64s", ElementType::Int64),
        ("values_floats", ElementType::Float32),
    ];
    let listed = given.iter().find(|(name, _)| node.any(name).is_some()).map(|(_, element)| *element);
    let element = match (listed, node.any("values_tensor")) {
        (Some(element), _) => element,
        (None, Some(Attribute::Tensor(values, _))) => values.element,
        _ => return mapper(node),
    };
    same_shape(node, element)
}

/// Keys and values.
pub fn label_parameters(node: &Node) -> (u64, u64) {
    sizes(
        node,
        &[
            "keys_strings",
            "keys_int64s",
            "keys_floats",
            "keys_tensor",
            "values_strings",
            "values_int64s",
            "values_floats",
            "values_tensor",
            "classes_strings",
        ],
    )
}

/// Strings to integers and integers to strings.
///
/// Source: ai.onnx.ml `CategoryMapper`, version 1.
pub fn mapper(node: &Node) -> Result<Vec<Type>, OpError> {
    let strings = node.element(0)? == ElementType::String;
    same_shape(node, if strings { ElementType::Int64 } else { ElementType::String })
}

/// Both sides of the map.
pub fn mapper_parameters(node: &Node) -> (u64, u64) {
    sizes(node, &["cats_strings", "cats_int64s"])
}

/// A map to `[1, C]`: as many as it has entries, or `max_map` in sparse form.
///
/// Source: ai.onnx.ml `CastMap`, version 1.
pub fn cast_map(node: &Node) -> Result<Vec<Type>, OpError> {
    let element = match node.str_or("cast_to", "TO_FLOAT")? {
        "TO_FLOAT" => ElementType::Float32,
        "TO_STRING" => ElementType::String,
        "TO_INT64" => ElementType::Int64,
        other => {
            let problem = format!("is \"{other}\", expected TO_FLOAT, TO_STRING or TO_INT64");
            return Err(OpError::Attribute { name: "cast_to", problem });
        }
    };
    let entries = if node.str_or("map_form", "DENSE")? == "SPARSE" {
        u64::try_from(node.int_or("max_map", 1)?).map_or(Dim::Unknown, Dim::Exact)
    } else {
        Dim::Unknown
    };
    Ok(vec![TensorType::new(element, vec![Dim::Exact(1), entries]).into()])
}

/// A map to `[1, C]` of its values, `C` the size of the vocabulary.
///
/// Source: ai.onnx.ml `DictVectorizer`, version 1.
pub fn dictionary(node: &Node) -> Result<Vec<Type>, OpError> {
    let Type::Map(_, value) = node.ty(0)? else { return Err(OpError::UnknownType(0)) };
    let element = value.tensor().ok_or(OpError::UnknownType(0))?.element;
    let words = size(node, "string_vocabulary").0.max(size(node, "int64_vocabulary").0);
    Ok(vec![TensorType::exact(element, &[1, words]).into()])
}

/// The vocabulary.
pub fn dictionary_parameters(node: &Node) -> (u64, u64) {
    sizes(node, &["string_vocabulary", "int64_vocabulary"])
}

/// `[N, E]` to a sequence of N maps from label to score.
///
/// Source: ai.onnx.ml `ZipMap`, version 1.
pub fn zip_map(node: &Node) -> Result<Vec<Type>, OpError> {
    let (samples, _) = samples(node)?;
    let strings = node.any("classlabels_strings").is_some();
    let key = if strings { ElementType::String } else { ElementType::Int64 };
    let score = TensorType::exact(node.element(0)?, &[]).into();
    Ok(vec![Type::Sequence(Box::new(Type::Map(key, Box::new(score))), samples.exact())])
}

/// The labels.
pub fn zip_parameters(node: &Node) -> (u64, u64) {
    sizes(node, &["classlabels_strings", "classlabels_int64s"])
}

/// A look-up for each element: a string processed, where input or output are strings.
pub fn look_up_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    let output = outputs.first().and_then(Type::tensor).map(|tensor| tensor.element);
    let strings = node.element(0)? == ElementType::String || output == Some(ElementType::String);
    let elements = output_count(outputs, 0)?;
    Ok(if strings { Counts::str(elements) } else { Counts::int(elements) })
}

#[cfg(test)]
mod tests {
    use crate::ops::Attribute;
    use crate::ops::testing::{Case, op_of};
    use crate::tensor::ElementType::{Float32, Float64, Int64, String};
    use crate::tensor::{TensorType, Type};

    fn ml(operator: &'static str) -> Case {
        op_of("ai.onnx.ml", operator, 3)
    }

    fn strings(texts: &[&'static str]) -> Attribute<'static> {
        Attribute::Strings(texts.iter().map(|text| (*text).into()).collect())
    }

    #[test]
    fn features_keep_or_change_shape_and_type() {
        let cases = [
            (ml("Scaler").input(Float64, &[8, 4]), "8×4", Float32),
            (ml("Normalizer").input(Int64, &[8, 4]), "8×4", Float32),
            (ml("Imputer").input(Int64, &[8, 4]), "8×4", Int64),
            (ml("ArrayFeatureExtractor").input(String, &[8, 4]).input(Int64, &[1, 2]), "8×2", String),
            (ml("ArrayFeatureExtractor").input(Int64, &[4]).input(Int64, &[3]), "1×3", Int64),
            (ml("FeatureVectorizer").f32(&[8, 4]).input(Int64, &[8, 1]), "8×5", Float32),
            (ml("OneHotEncoder").input(Int64, &[8, 2]).attr("cats_int64s", &[1, 2, 3]), "8×2×3", Float32),
            (
                ml("LabelEncoder").input(String, &[8]).attr("values_floats", Attribute::Floats(&[0.0])),
                "8",
                Float32,
            ),
            (ml("LabelEncoder").input(Int64, &[8]).attr("classes_strings", strings(&["a"])), "8", String),
            (ml("CategoryMapper").input(String, &[8, 2]), "8×2", Int64),
        ];
        for (case, shape, element) in cases {
            assert_eq!((case.shape().as_str(), case.ty().tensor().unwrap().element), (shape, element));
        }
    }

    #[test]
    fn maps_become_rows_and_rows_become_maps() {
        let float = || Box::new(Type::from(TensorType::exact(Float32, &[])));
        let map = Type::Map(String, float());
        let dictionary =
            ml("DictVectorizer").typed(map.clone()).attr("string_vocabulary", strings(&["a", "b"]));
        assert_eq!(dictionary.shape(), "1×2");
        let cast =
            ml("CastMap").typed(Type::Map(Int64, float())).attr("map_form", "SPARSE").attr("max_map", 7);
        assert_eq!(cast.shape(), "1×7");
        assert_eq!(ml("CastMap").typed(Type::Map(Int64, float())).shape(), "1×?");
        let zipped = ml("ZipMap").f32(&[8, 2]).attr("classlabels_strings", strings(&["a", "b"]));
        assert_eq!(zipped.ty(), Type::Sequence(Box::new(map), Some(8)));
    }

    #[test]
    fn scaling_and_normalizing_count_each_element() {
        assert_eq!(ml("Scaler").f32(&[8, 4]).counts().alu, 64);
        let l2 = ml("Normalizer").f32(&[8, 4]).attr("norm", "L2").counts();
        assert_eq!((l2.alu, l2.div), (64, 32 + 8));
        assert_eq!(ml("CategoryMapper").input(String, &[8, 2]).counts().str, 16);
    }
}
