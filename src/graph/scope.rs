//! The module path of a node: what a person would call the layer it belongs to.

use std::borrow::Cow;

use crate::onnx::schema::NodeProto;

/// Key under which PyTorch's exporter writes the modules around a node, as a Python list of strings.
const TORCH_SCOPES: &str = "pkg.torch.onnx.name_scopes";

/// The module path of a node, with `/` between modules; empty at the top.
///
/// From the exporter's metadata if there is any (`layer1.0.conv1` becomes `layer1/0/conv1`), else the
/// node's name up to its last `/` (`/layer1/layer1.0/conv1/Conv`).
pub fn module_path(node: &NodeProto) -> Cow<'_, str> {
    let recorded = node.metadata_props.iter().find(|entry| entry.key == TORCH_SCOPES);
    if let Some(entry) = recorded {
        // The last name is the node's own; the one before it is its module, with the whole path.
        let module = python_strings(&entry.value).into_iter().rev().nth(1).unwrap_or_default();
        return module.replace('.', "/").into();
    }
    match node.name.rsplit_once('/') {
        Some((path, _)) => path.trim_matches('/').into(),
        None => Cow::Borrowed(""),
    }
}

/// The strings of a Python list as `repr` writes it: quoted with `'`, or with `"` where they hold a `'`; a
/// backslash stands before a character that is not to end the string.
fn python_strings(list: &str) -> Vec<String> {
    let mut strings = vec![];
    let mut open: Option<(char, String)> = None;
    let mut characters = list.chars();
    while let Some(c) = characters.next() {
        open = match (open, c) {
            (None, '\'' | '"') => Some((c, String::new())),
            (None, _) => None,
            (Some((quote, text)), c) if c == quote => {
                strings.push(text);
                None
            }
            (Some((quote, mut text)), '\\') => {
                text.extend(characters.next());
                Some((quote, text))
            }
            (Some((quote, mut text)), c) => {
                text.push(c);
                Some((quote, text))
            }
        };
    }
    strings
}

/// The path of a body below the node that runs it: `outer/If_3.then_branch`.
pub fn body_path(outer: &str, node: &NodeProto, body: &str) -> String {
    let name = if node.name.is_empty() { &node.op_type } else { &node.name };
    join(outer, format!("{}.{body}", name.trim_matches('/')).into()).into_owned()
}

/// Two paths, one below the other.
pub fn join<'p>(outer: &str, inner: Cow<'p, str>) -> Cow<'p, str> {
    match (outer, &*inner) {
        ("", _) => inner,
        (_, "") => outer.to_owned().into(),
        _ => format!("{outer}/{inner}").into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::schema::StringStringEntryProto;

    fn named(name: &str) -> NodeProto {
        NodeProto { name: name.into(), ..NodeProto::default() }
    }

    #[test]
    fn a_name_with_slashes_tells_its_module() {
        for (name, module) in [
            ("/layer1/layer1.0/conv1/Conv", "layer1/layer1.0/conv1"),
            // Keras through tf2onnx.
            ("model/conv1/Conv2D__5", "model/conv1"),
            ("StatefulPartitionedCall/model/dense/BiasAdd", "StatefulPartitionedCall/model/dense"),
            ("torch_nn::Linear/aten::addmm_1", "torch_nn::Linear"),
            ("Conv_0", ""),
            ("aten::relu", ""),
            ("/Conv", ""),
            ("//a//Conv/", "a//Conv"),
            ("", ""),
        ] {
            assert_eq!(module_path(&named(name)), module, "{name}");
        }
    }

    #[test]
    fn recorded_modules_beat_the_name() {
        for (recorded, module) in [
            ("['', 'layer1', 'layer1.0', 'layer1.0.conv1', 'conv2d_3']", "layer1/0/conv1"),
            ("['', 'relu']", ""),
            ("['relu']", ""),
            ("[]", ""),
            (r#"['', "it's.a", 'relu']"#, "it's/a"),
            (r#"['', 'both\'".b', 'relu']"#, "both'\"/b"),
            ("['', 'never closed", ""),
        ] {
            let mut node = named("a/node_conv2d_3");
            node.metadata_props
                .push(StringStringEntryProto { key: TORCH_SCOPES.into(), value: recorded.into() });
            assert_eq!(module_path(&node), module, "{recorded}");
        }
    }
}
