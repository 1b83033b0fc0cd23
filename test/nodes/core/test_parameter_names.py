"""Parameters that a node does not have are refused with the nearest name; a file that says nothing of it is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy")

from rclpy.exceptions import ParameterException
from rclpy.parameter import Parameter

from co_perception.nodes.core.managed_node import NodeSettings
from co_perception.nodes.core.parameter_names import ParameterSection, sections_of
from co_perception.nodes.fusion import FusionNode
from co_perception.nodes.score import ScoreNode


def params(path: Path, text: str) -> list[str]:
    """Arguments of a node with a parameter file of this text."""
    path.write_text(text)
    return ["--ros-args", "--params-file", str(path)]


@pytest.mark.parametrize(
    "text",
    [
        "/**:\n  ros__parameters:\n    treshold: 0.9\n",
        "fusion:\n  ros__parameters:\n    treshold: 0.9\n",
        "/**/fusion:\n  ros__parameters:\n    treshold: 0.9\n",
        "/*:\n  ros__parameters: {threshold: 0.5, treshold: 0.9}\n",
    ],
)
def test_param_typo(bench: Any, tmp_path: Path, text: str) -> None:
    """A misspelt name in a file is refused, for all nodes and for this one."""
    with pytest.raises(
        ParameterException, match=r"no parameter 'treshold' \(meant: 'threshold'\?\); there are: autostart"
    ):
        FusionNode(cli_args=params(tmp_path / "typo.yaml", text))


@pytest.mark.parametrize("text", ["treshold:=0.9", "fusion:treshold:=0.9"])
def test_a_misspelt_name_on_the_command_line_is_refused(bench: Any, text: str) -> None:
    with pytest.raises(ParameterException, match="meant: 'threshold'"):
        FusionNode(cli_args=["--ros-args", "-p", text])


def test_an_unknown_name_in_code_is_refused(bench: Any) -> None:
    with pytest.raises(ParameterException, match="no parameter 'color'; there are"):
        FusionNode(parameter_overrides=[Parameter("color", value="red")])


def test_what_is_for_all_nodes_may_be_for_another(
    bench: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    text = "/**:\n  ros__parameters: {use_sim_time: false, short_side: 3, threshold: 0.25}\n"
    node = bench.add(FusionNode(cli_args=params(tmp_path / "all.yaml", text)), up=False)
    assert node.settings.current.threshold == 0.25
    assert "no parameters of this one: short_side" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("text", "sections"),
    [
        ("fusoin:\n  ros__parameters:\n    threshold: 0.9\n", "/fusoin"),
        ("/robot/fusion:\n  ros__parameters:\n    threshold: 0.9\n", "/robot/fusion"),
        ("robot:\n  fusion:\n    ros__parameters:\n      threshold: 0.9\n", "/robot/fusion"),
    ],
)
def test_a_file_that_says_nothing_for_this_node_is_told_once(
    bench: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str], text: str, sections: str
) -> None:
    node = bench.add(FusionNode(cli_args=params(tmp_path / "other.yaml", text)))
    assert node.settings.current.threshold == 0.0
    heard = capfd.readouterr().err
    assert heard.count("says nothing for /fusion") == 1
    assert f"it is for: {sections}. A section for this node is called /fusion" in heard


def test_a_file_with_a_section_for_the_node_is_quiet(
    bench: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    text = "/**/camera:\n  ros__parameters: {source: x}\n/**/score:\n  ros__parameters: {background: none}\n"
    node = bench.add(ScoreNode(cli_args=params(tmp_path / "two.yaml", text)), up=False)
    assert node.settings.current.background == "none"
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("nodes", "node", "applies"),
    [
        ("/**", "/robot/fusion", True),
        ("/*", "/fusion", True),
        ("/*", "/robot/fusion", False),
        ("/**/fusion", "/a/b/fusion", True),
        ("/**/fusion", "/fusion", True),
        ("/*/fusion", "/fusion", False),
        ("/fusion", "/robot/fusion", False),
        ("/fusion", "/fusion_2", False),
    ],
)
def test_sections_apply_as_rcl_decides(bench: Any, tmp_path: Path, nodes: str, node: str, applies: bool) -> None:
    """Beside rcl itself: the node has the parameter where the section applies."""
    assert ParameterSection("f", nodes, ()).applies_to(node) is applies
    arguments = params(tmp_path / "f.yaml", f"{nodes}:\n  ros__parameters: {{autostart: false}}\n")
    namespace, _, name = node.rpartition("/")
    made = bench.add(FusionNode(name, cli_args=arguments, namespace=namespace), up=False)
    current: NodeSettings = made.settings.current
    assert current.autostart is not applies


def test_files_that_rcl_reads_otherwise_have_no_sections(tmp_path: Path) -> None:
    for text in ("a: &x [1]\nb: *x\n", "a: [", "- 1\n", ""):
        assert list(sections_of(params(tmp_path / "odd.yaml", text))) == []
    assert list(sections_of(["--ros-args", "--params-file", str(tmp_path / "none.yaml")])) == []
