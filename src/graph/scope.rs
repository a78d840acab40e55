//! The module path of a node: what a person would call the layer it belongs to.

use crate::onnx::schema::NodeProto;

/// Key under which PyTorch's exporter writes the modules around a node, as a Python list of strings.
const TORCH_SCOPES: &str = "pkg.torch.onnx.name_scopes";

/// The module path of a node, with `/` between modules; empty at the top.
///
/// From the exporter's metadata if there is any (`layer1.0.conv1` becomes `layer1/0/conv1`), else the
/// node's name up to its last `/` (`/layer1/layer1.0/conv1/Conv`).
pub fn module_path(node: &NodeProto) -> String {
    let recorded = node.metadata_props.iter().find(|entry| entry.key == TORCH_SCOPES);
    if let Some(entry) = recorded {
        // The last name is the node's own; the one before it is its module, with the whole path.
        let names: Vec<&str> = entry.value.split('\'').skip(1).step_by(2).collect();
        let module = names.iter().rev().nth(1).copied().unwrap_or_default();
        return module.replace('.', "/");
    }
    match node.name.rsplit_once('/') {
        Some((path, _)) => path.trim_start_matches('/').to_owned(),
        None => String::new(),
    }
}

/// The path of a body below the node that runs it: `outer/If_3.then_branch`.
pub fn body_path(outer: &str, node: &NodeProto, body: &str) -> String {
    let name = if node.name.is_empty() { &node.op_type } else { &node.name };
    join(outer, &format!("{}.{body}", name.trim_matches('/')))
}

/// Two paths, one below the other.
pub fn join(outer: &str, inner: &str) -> String {
    match (outer, inner) {
        ("", path) | (path, "") => path.to_owned(),
        _ => format!("{outer}/{inner}"),
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
        assert_eq!(module_path(&named("/layer1/layer1.0/conv1/Conv")), "layer1/layer1.0/conv1");
        assert_eq!(module_path(&named("Conv_0")), "");
    }

    #[test]
    fn recorded_modules_beat_the_name() {
        let mut node = named("node_conv2d_3");
        node.metadata_props.push(StringStringEntryProto {
            key: TORCH_SCOPES.into(),
            value: "['', 'layer1', 'layer1.0', 'layer1.0.conv1', 'conv2d_3']".into(),
        });
        assert_eq!(module_path(&node), "layer1/0/conv1");
    }
}
