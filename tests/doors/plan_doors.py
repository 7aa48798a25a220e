"""Inputs at a nightly plan."""

from __future__ import annotations

from doorkit import Door, plan

PLAN = "topologies: {3+2: }\nversions: [1.35.4 → 1.36.3]\n"

NUMBERS = {
    "attempts": "attempts: {}\n",
    "min_free_gb": "min_free_gb: {}\n",
    "limits.up": "limits: {{up: {}}}\n",
    "continue_within": "continue_within: {}\n",
}
NO_NUMBERS = {
    "infinity": ".inf",
    "not a number": ".nan",
    "true": "true",
    "a word": "soon",
    "negative": "-1",
    "above its most": "99999999999999999999",
    "digits without end": "9" * 5000,
}

DOORS: list[Door] = [
    plan("good", PLAN, "1 cells", status=0),
    plan("good durations", PLAN + "limits: {up: 15m, down: 1h 30m, heal: 90}\n", status=0),
    *(
        plan(
            f"{place} is {kind}",
            PLAN + template.format(value),
            "plan.yml has",
            "line 3: ",
            "thousands of digits" if "without end" in kind else f"{place}: expected",
        )
        for place, template in NUMBERS.items()
        for kind, value in NO_NUMBERS.items()
    ),
    plan("empty", "", "is empty; expected topologies:"),
    plan("a list", "- 3+2\n", "holds a list"),
    plan("a tab", "topologies:\n\t3+2:\n", "line 2: ", "indent with spaces"),
    plan("an alias to what it stands in", "topologies: &a {3+2: *a}\n", "write it out"),
    plan("nested without end", "[" * 3000, "nested too deeply"),
    plan("no text", b"\xff\xfe", "it is not UTF-8 text"),
    plan("a section given twice", PLAN + "versions: [1.36.3]\n", "line 3: versions is given twice"),
    plan("a topology given twice", "topologies:\n  3+2:\n  3+2:\nversions: [1.36.3]\n",
         "line 3: 3+2 is given twice"),
    plan("no versions", "topologies: {3+2: }\n", "versions: is missing"),
    plan("no topologies", "versions: [1.36.3]\n", "topologies: is missing"),
    plan("a misspelt setting", PLAN + "atempts: 2\n", "line 3: atempts: no such setting"),
    plan("a topology of even planes", "topologies: {2+2: }\nversions: [1.36.3]\n", "odd number"),
    plan("a topology of words", "topologies: {big: }\nversions: [1.36.3]\n", "such as 3+2"),
    plan("a version that there is not", "topologies: {3+2: }\nversions: [1.99.9]\n",
         "Kubernetes 1.99.9 has no bundle"),
    plan("a version that is a number", "topologies: {3+2: }\nversions: [1.36]\n", "in quotes"),
    plan("a version of large numbers", f"topologies: {{3+2: }}\nversions: ['1.36.{'9' * 5000}']\n",
         "expected full versions"),
    plan("versions that are an arrow", "topologies: {3+2: }\nversions: [→]\n",
         "nothing, nothing: expected full versions"),
    plan("a skipped minor version", "topologies: {3+2: }\nversions: [1.34.4 → 1.36.3]\n",
         "skips a minor version"),
    plan("a misspelt drill", PLAN + "drills: {before: [pod-kiled]}\n",
         "no such drill; did you mean pod-killed"),
    plan("an upgrade for a drill", PLAN + "drills: {before: [cluster-upgrade]}\n",
         "name it under drills.during"),
    plan("a network of words", PLAN + "networks: here\n", "such as 172.31.96.0/20"),
    plan("a network of the other family", PLAN + "networks: 'fd00::/64'\n", "an IPv4 network"),
    plan("a network with a host in it", PLAN + "networks: 172.31.96.1/20\n", "an IPv4 network"),
    plan("a small network", PLAN + "networks: 172.31.96.0/28\n", "/24 or larger"),
    plan("a name with a slash", PLAN + "name: ../x\n", "name: expected at most 31"),
    plan("a provider of words", PLAN + "provider: cloud\n", "docker, libvirt or virtualbox"),
    plan("a configuration that there is not", PLAN + "config: nowhere.yml\n", "no such file"),
    plan("a truth that is a word", PLAN + "readiness: maybe\n", "expected true or false"),
    plan("nothing to leave out", PLAN + "skip: [{}]\n", "leaves out every cell"),
    Door("plan: its configuration has mistakes", ("nightly", "plan.yml", "--check"), 2,
         ("mine.yml has 1 mistake", "did you mean node-drain?"),
         files={"plan.yml": PLAN + "config: mine.yml\n",
                "mine.yml": "drills: {node-drian: {}}\n"}),
    Door("plan: there is none", ("nightly", "none.yml", "--check"), 2,
         ("none.yml has 1 mistake", "No such file", "give a plan")),
    Door("plan: a folder", ("nightly", ".", "--check"), 2, ("Is a directory", "give a plan")),
]  # fmt: skip
