"""Late fusion: the scores of several recognizers for the same frame, averaged label by label.

As two-stream networks do it (Simonyan and Zisserman, Two-Stream Convolutional Networks for Action Recognition in
Videos, NIPS 2014, arXiv:1406.2199), for recognizers that may know different labels: the mean of a label's probabilities
is taken over those that know the label. With equal label sets that is the plain mean. A label that only one knows keeps
the probability it gave, times that recognizer's weight as a share of the greatest weight among those that answered:
with equal weights it stays as it is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

Scores = Mapping[str, float]


def fuse(scores: Mapping[str, Scores], known: Mapping[str, Collection[str]], weights: Mapping[str, float]) -> Scores:
    """Probability of each label that any recognizer named, best first.

    >>> scores = {"video": {"wave": 0.8, "squat": 0.2}, "skeleton": {"wave": 0.4, "stand": 0.6}}
    >>> known = {"video": ["wave", "squat"], "skeleton": ["wave", "squat", "stand"]}
    >>> fuse(scores, known, {"video": 0.5, "skeleton": 0.5})
    {'wave': 0.6000000000000001, 'stand': 0.6, 'squat': 0.1}
    >>> fuse({"video": {"dance": 0.8}, "skeleton": {"stand": 0.6}}, {}, {"video": 0.25, "skeleton": 0.5})
    {'stand': 0.6, 'dance': 0.4}

    Args:
        scores: of each recognizer, by label, at least the best ones; a label that it knows and does not name counts as
            0.
        known: labels of each recognizer; those that it named are added.
        weights: of each recognizer; without one, or with 0, its scores are ignored. Only their ratio matters.
    """
    voting = {name: given for name, given in scores.items() if weights.get(name, 0.0) > 0}
    greatest = max((weights[name] for name in voting), default=0.0)
    labels = dict.fromkeys(label for given in voting.values() for label in given)
    fused = {}
    for label in labels:
        voters = {name: weights[name] for name in voting if label in known.get(name, ()) or label in voting[name]}
        total = sum(weight * voting[name].get(label, 0.0) for name, weight in voters.items())
        fused[label] = total / sum(voters.values()) * (max(voters.values()) / greatest)
    return dict(sorted(fused.items(), key=lambda item: -item[1]))
