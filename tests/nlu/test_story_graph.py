"""Rules and stories as a graph, and what is found to be wrong with them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from nlu.project import Project, read_project
from nlu.story_findings import Finding, findings
from nlu.story_graph import weave
from nlu.story_nodes import Graph
from tests.nlu.test_large_bot import _large

DOMAIN = """
intents: [greet, affirm, deny, order, pay, lonely, ghost, tap, platform_image]
entities: [dish]
slots:
  dish: {type: text, mappings: [{type: from_entity, entity: dish}]}
  paid: {type: bool, mappings: [{type: custom}]}
forms:
  order_form: {required_slots: [dish, paid]}
actions: [action_cook, action_unwritten]
responses:
  utter_greet: [{text: "Hi", buttons: [{title: Tap, payload: '/tap{"x": 1}'}]}]
  utter_ask_dish: [{text: "Which dish?"}]
  utter_happy: [{text: "太好了！"}]
  utter_sorry: [{text: "Sorry."}]
  utter_never: [{text: "Never."}]
  utter_by_code: [{text: "Said by an action."}]
"""
NLU = """
nlu:
- {intent: greet, examples: ["hello", "你好"]}
- {intent: affirm, examples: ["yes"]}
- {intent: deny, examples: ["no"]}
- {intent: order, examples: ["[soup](dish) please"]}
- {intent: pay, examples: ["pay"]}
- {intent: lonely, examples: ["so lonely"]}
"""
RULES = """
rules:
- rule: greet
  steps: [{intent: greet}, {action: utter_greet}]
- rule: tap
  steps: [{intent: tap}, {action: utter_greet}]
- rule: picture
  steps: [{intent: platform_image}, {action: utter_greet}]
- rule: open the form
  steps: [{intent: order}, {action: order_form}, {active_loop: order_form}]
- rule: ordered
  condition: [{active_loop: order_form}]
  steps:
  - action: order_form
  - active_loop: null
  - slot_was_set: [{requested_slot: null}]
  - action: action_cook
- rule: what?
  condition: [{active_loop: order_form}]
  steps: [{intent: deny}, {action: utter_sorry}, {action: order_form}, {active_loop: order_form}]
"""
STORIES = """
stories:
- story: pays
  steps:
  - intent: affirm
  - action: utter_happy
  - intent: pay
  - action: action_unwritten
  - checkpoint: paid
- story: does not pay
  steps:
  - intent: affirm
  - action: utter_happy
  - intent: deny
  - action: utter_sorry
- story: has paid
  steps:
  - checkpoint: paid
  - slot_was_set: [{paid: true}]
  - or: [{intent: affirm}, {intent: pay}]
  - action: utter_happy
- story: around
  steps:
  - checkpoint: paid
  - intent: deny
  - action: utter_sorry
  - checkpoint: paid
- story: unreachable
  steps: [{checkpoint: nowhere}, {intent: ghost}, {action: utter_happy}]
- story: contradiction
  steps: [{intent: greet}, {action: utter_sorry}, {checkpoint: abyss}]
"""


@pytest.fixture
def odd(tmp_path: Path) -> Project:
    for name, text in (("domain", DOMAIN), ("nlu", NLU), ("rules", RULES), ("stories", STORIES)):
        (tmp_path / f"{name}.yml").write_text(text, encoding="utf-8")
    return read_project(tmp_path)


def ways(graph: Graph) -> dict[str, list[str]]:
    """Each story with the names on its way."""
    return {one.name: [" / ".join(graph.nodes[node].names) for node in one.way] for one in graph.told}


def test_stories_that_begin_alike_share_their_nodes_and_go_apart_later(odd: Project) -> None:
    graph = weave(odd.domain, odd.rules, odd.stories)
    told = {one.name: one.way for one in graph.told}
    assert told["pays"][:2] == told["does not pay"][:2]
    assert not set(told["pays"][2:]) & set(told["does not pay"][2:])
    assert ways(graph)["has paid"] == ["paid", "affirm / pay", "utter_happy"]
    assert told["has paid"][0] == told["pays"][-1]
    node = graph.nodes[told["has paid"][1]]
    assert (node.kind, node.notes, node.begins) == ("intent", ("paid = True",), "")
    first = graph.nodes[told["pays"][0]]
    assert (first.begins, first.stories) == ("story", ["s0", "s1"])
    assert first.places == [("stories.yml", 5), ("stories.yml", 12)]


def test_a_form_is_one_node_with_its_questions_and_all_rules_that_speak_of_it(odd: Project) -> None:
    graph = weave(odd.domain, odd.rules, odd.stories)
    form = next(node for node in graph.nodes if node.names == ("order_form",) and node.kind == "form")
    after = [graph.nodes[end] for start, end in graph.edges if start == form.id]
    assert [(node.kind, node.names[0]) for node in after] == [
        ("question", "utter_ask_dish"), ("action", "action_cook"), ("intent", "deny"),
    ]  # fmt: skip
    assert after[1].notes == ("-form",)
    assert ways(graph)["open the form"] == ["order", "order_form"]
    back = graph.nodes[graph.told[[one.name for one in graph.told].index("what?")].way[-1]]
    assert (back.kind, back.to) == ("back", form.id)


def test_no_edge_closes_a_circle(odd: Project) -> None:
    graph = weave(odd.domain, odd.rules, odd.stories)
    after: dict[int, list[int]] = {}
    for start, end in graph.edges:
        after.setdefault(start, []).append(end)

    def reach(node: int, on_the_way: frozenset[int]) -> None:
        assert node not in on_the_way
        for end in after.get(node, ()):
            reach(end, on_the_way | {node})

    for node in graph.nodes:
        reach(node.id, frozenset())
    assert ways(graph)["around"] == ["paid", "deny", "utter_sorry", "paid"]


def test_what_looks_wrong_is_found_with_its_place(odd: Project) -> None:
    found = findings(odd, done={"action_cook"}, said={"utter_by_code"})
    assert [(one.kind, one.about, one.file, one.line) for one in found] == [
        ("contradiction", "", "stories.yml", 30),
        ("unreached_checkpoint", "nowhere", "stories.yml", 28),
        ("open_checkpoint", "abyss", "stories.yml", 30),
        ("no_examples", "ghost", "stories.yml", 29),
        ("undone", "action_unwritten", "stories.yml", 8),
        ("no_question", "order_form", "", 0),
        ("unanswered", "lonely", "", 0),
        ("unsaid", "utter_never", "", 0),
    ]
    assert "utter_greet instead of utter_sorry" in found[0].said


def test_nothing_looks_wrong_with_the_demo_shop() -> None:
    assert findings(read_project(Path("config/bot")), said=_all_of_code()) == list[Finding]()


def _all_of_code() -> set[str]:
    files = [*Path("actions").glob("*.py"), Path("parley/turns.py")]
    words = " ".join(file.read_text(encoding="utf-8") for file in files).replace('"', " ").split()
    return {word.strip(",():") for word in words if word.startswith("utter_")}


def test_examples_are_counted_also_where_few_are_kept(odd: Project) -> None:
    assert odd.nlu.names_only().counts == odd.nlu.counts
    assert odd.nlu.counts["greet"] == 2


def test_a_large_bot_is_woven_in_less_than_a_second() -> None:
    project = _large()
    began = time.process_time()
    graph = weave(project.domain, project.rules, project.stories)
    assert time.process_time() - began < 1.0
    assert len(graph.told) == 6 + 53 + 276
