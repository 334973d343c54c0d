"""The report in words: what was decided, what would decide, what the words mean."""

import html
import re

import pandas as pd

from ann2neo.study import Study
from ann2neo.study.analysis.hypotheses import Hypothesis
from ann2neo.study.config.builtin import builtin_studies
from ann2neo.study.report.words import _DECIDES, _ENOUGH, summarize_verdicts, write_glossary
from tests.study.made_results import make_results


def judge(*verdicts, n=10):
    numbers = pd.DataFrame({"n": [n]})
    return [Hypothesis(k, "", verdict, "", "", numbers) for k, verdict in enumerate(verdicts, 1)]


def text(markup):
    return html.unescape(re.sub("<.*?>", "", markup))


def test_verdicts_in_a_sentence():
    said = text(summarize_verdicts(judge("supports", "rejects", "supports", "undecided", "supports")))
    assert said == (
        "In short. Of the paper's 5 hypotheses this study supports 1, 3 and 5 and rejects 2. "
        "It leaves 4 undecided."
    )


def test_where_nothing_is_decided_it_says_what_would_decide():
    said = text(summarize_verdicts(judge("undecided", "not in this study", n=2)))
    assert "It leaves 1 undecided. For 2 it lacks the networks." in said
    assert f"an interval takes {_ENOUGH} separately trained networks, here are 2" in said
    assert "cannot decide" not in text(summarize_verdicts(judge("undecided", n=9)))


def test_the_study_it_names_has_enough_networks():
    assert _DECIDES in builtin_studies()
    cells = Study.from_toml(_DECIDES).cells()
    assert len({(c.network, c.width, c.dataset, c.seed) for c in cells}) >= _ENOUGH


def test_glossary_names_the_conditions_of_the_study():
    said = write_glossary(make_results(networks=("mlp",), widths=(4,), seeds=(0,)))
    assert "<dt>MemRetrainLast</dt>" in said
    assert (
        "the network trained on true labels, then its last 2 layer(s) trained on random labels" in said
    )
    assert "<dd>the network as it was drawn</dd>" in said
    assert "<dt>Fano factor</dt>" in said
