"""Inputs at kubedrill.yml."""

from __future__ import annotations

from dataclasses import replace

from doorkit import Door, settings

FILE = "kubedrill.yml has"

NUMBERS = {
    "timeouts.node_boot": "timeouts: {{node_boot: {}}}",
    "probes.interval_s": "probes: {{interval_s: {}}}",
    "probes.min_samples": "probes: {{min_samples: {}}}",
    "game_day.minutes": "game_day: {{minutes: {}}}",
    "load.late_ms": "load: {{late_ms: {}}}",
    "upgrade_forks": "upgrade_forks: {}",
    "drills.node-drain.app_outage_s": "drills: {{node-drain: {{app_outage_s: {}}}}}",
    "drills.node_drain.api_max_failed": "drills: {{node_drain: {{api_max_failed: {}}}}}",
}
"""Settings that are numbers."""

NO_NUMBERS = {
    "infinity": ".inf",
    "minus infinity": "-.inf",
    "not a number": ".nan",
    "true": "true",
    "a word": "soon",
    "a list": "[1]",
    "below its least": "-1",
    "above its most": "1.0e+18",
    "a number of digits without end": "9" * 5000,
    "hexadecimal without end": "0x" + "9" * 5000,
    "nothing at all, of a number": "''",
}

NUMBER_DOORS = [
    settings(
        f"{place} is {kind}",
        template.format(value),
        FILE,
        "line 1: ",
        "thousands of digits" if "without end" in kind else f"{place}: expected",
    )
    for place, template in NUMBERS.items()
    for kind, value in NO_NUMBERS.items()
]

LAUGHS = "\n".join(
    ["a: &a [x,x,x,x,x,x,x,x,x]"]
    + [f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]" for a, b in zip("abcdefg", "bcdefgh", strict=True)]
)

YAML_DOORS = [
    settings("empty", "", status=0),
    settings("comments only", "# nothing yet\n", status=0),
    settings("a document mark only", "---\n", status=0),
    settings("an empty section", "timeouts:\nprobes:\n", status=0),
    settings("an empty section of drills", "drills:\n", status=0),
    settings("an empty app", "app:\n", status=0),
    settings("a byte order mark", b"\xef\xbb\xbftimeouts: {api_call: 9}\n", status=0),
    settings("an alias that is meant", "probes: &p {interval_s: 0.2}\nload: {}\n", status=0),
    settings(
        "a section given twice",
        "probes: {}\nload: {}\nprobes: {}\n",
        FILE,
        "line 3: ",
        "probes is given twice, first in line 1; keep one",
    ),
    settings(
        "a setting given twice",
        "timeouts:\n  api_call: 1\n  api_call: 2\n",
        "line 3: ",
        "api_call is given twice, first in line 2",
    ),
    settings("an empty path", "reports_dir: ''\n", FILE, "reports_dir: expected a path"),
    settings("a path that is white space", "reports_dir: '  '\n", "reports_dir: expected a path"),
    settings("a drill given twice", "drills: {node-drain: {}, node-drain: {}}\n", "given twice"),
    settings(
        "a drill given twice in two spellings",
        "drills: {node-drain: {}, node_drain: {}}\n",
        "drills: twice: node-drain",
    ),
    settings(
        "an alias to what it stands in", "timeouts: &a {api_call: *a}\n", "line 1: ", "write it out"
    ),
    settings("aliases that explode", LAUGHS, "more than 20000 values"),
    settings(
        "a tab for indentation",
        "timeouts:\n\tapi_call: 1\n",
        "line 2: ",
        "a tab stands",
        "indent with spaces",
    ),
    settings("lists without end", "[" * 3000, "nested too deeply"),
    settings("a bracket that is not closed", "timeouts: {api_call: 1\nload: {}\n", "is not YAML"),
    settings("a quote that is not closed", "control_target: 'x\n", "is not YAML", "line "),
    settings("a list", "- timeouts\n", "holds a list; expected settings such as 'timeouts:'"),
    settings("a word", "hello\n", "holds a str"),
    settings("a number", "5\n", "holds a int"),
    settings("a NUL", "timeouts: \x00\n", "a character that no text has"),
    settings("no text", b"\xff\xfe\x00\x01", "it is not UTF-8 text"),
    settings("a program's file", b"\x7fELF\x02\x01\x01\xff", "it is not UTF-8 text"),
    settings("a megabyte", "# " + "x" * 1_100_000, "is larger than 1 MB"),
    settings("a tag of Python", "x: !!python/object/apply:os.system [id]\n", "a tag"),
    settings("a date of a thirteenth month", "control_target: 2026-13-45\n", "line 1: "),
    settings(
        "a number in base 60",
        "timeouts: {api_call: 1:30}\n",
        "line 1: 1:30 is a number in",
        "in seconds",
    ),
    settings("a list for a name", "timeouts: {? [a] : 1}\n", "where a name is expected"),
    settings("two documents", "load: {}\n---\nload: {}\n", "is not YAML", "line "),
]

NAMES_DOORS = [
    settings("a misspelt section", "timeout: {}\n", "line 1: timeout: no such setting",
             "did you mean timeouts?"),
    settings("a misspelt setting", "load: {}\ntimeouts:\n  api_cal: 1\n", "line 3: timeouts.api",
             "did you mean api_call?"),
    settings("a misspelt section that is empty", "colour:\n", "colour: no such setting"),
    settings("a misspelt drill", "drills: {node-drian: {}}\n",
             "drills.node-drian: no such drill; did you mean node-drain?"),
    settings("a drill like none", "drills: {zzzzz: {}}\n", "kubedrill list names them all"),
    settings("a drill that is a number", "drills: {7: {}}\n", "drills"),
    settings("a drill with underscores", "drills: {node_drain: {app_outage_s: 2}}\n", status=0),
    settings("a drill with dashes", "drills: {node-drain: {app_outage_s: 2}}\n", status=0),
    settings("a misspelt limit", "drills: {node-drain: {app_outage: 2}}\n",
             "did you mean app_outage_s?"),
    settings("no limits of a drill", "drills: {node-drain: }\n", "found nothing"),
    settings("drills as a list", "drills: [node-drain]\n", "drills: expected names with their"),
    settings("a decimal comma", "timeouts: {node_ready: 1,5}\n", "timeouts.5: no such setting"),
    settings("a section that is a number", "timeouts: 5\n", "timeouts: expected names with their"),
    settings("a section that is a list", "probes: [1, 2]\n", "probes: expected names with their"),
    settings("a list that is a word", "game_day: {drills: node-drain}\n", "expected a list"),
    settings("a truth that is a word", "history: {enabled: maybe}\n", "expected true or false"),
    settings("a text that is a number", "control_target: 5\n", "control_target: expected text"),
    settings("a release that is a word", "upgrade_to: latest\n", "a release such as '1.36.3'"),
    settings("a release that is a number", "upgrade_to: 1.36\n", "upgrade_to: expected text"),
    settings("a release of large numbers", f"upgrade_to: '1.36.{'3' * 500}'\n", "a release such"),
    settings("a value without end", f"upgrade_to: {'x' * 10_000}\n", "…"),
    settings("a host name without end", f"history: {{host: {'x' * 300}}}\n", "200 characters"),
    *(settings(f"the port {port}", f"control_target: 'h:{port}'\n", "with a port from 1 to 65535")
      for port in ("0", "70000", "-1", "http", "²", "9" * 50)),
    settings("a target without a port", "control_target: h\n", "host:port"),
    settings("a target of another kind", "control_target: 'ftp://h/'\n", "http(s)://"),
    settings("a target with an open bracket", "control_target: 'http://[::1'\n", "http(s)://"),
    settings("a good target", "control_target: '[::1]:443'\n", status=0),
    settings("a gateway without a port", "notify: {gateway: h}\n", "notify.gateway: expected"),
    settings("a good gateway", "notify: {gateway: 'http://h:9091/x'}\n", status=0),
]  # fmt: skip

APP = """\
app:
  namespace: {namespace}
  workload: {workload}
  deployed: {deployed}
  endpoints: {{outside: {{node_port: {port}}}, inside: {{service: web, port: 80}}}}
  objectives: {{outage_s: {outage}}}
"""
GOOD = {
    "namespace": "shop",
    "workload": "deployment/web",
    "deployed": "true",
    "port": "30880",
    "outage": "5",
}


def app(name: str, *says: str, status: int = 2, **changed: str) -> Door:
    return settings(f"app: {name}", APP.format(**{**GOOD, **changed}), *says, status=status)


def with_files(door: Door, files: dict[str, str]) -> Door:
    return replace(door, files={**door.files, **files})


APP_DOORS = [
    app("good", status=0),
    app("a namespace in capitals", "app.namespace: expected a name of", namespace="Shop"),
    app("a namespace of kubedrill's", "choose another one", namespace="kubedrill-x"),
    app("a namespace without end", "app.namespace: ", namespace="x" * 64),
    app("a workload of another kind", "deployment/NAME or statefulset/NAME",
        workload="daemonset/web"),
    app("a workload without a kind", "deployment/NAME", workload="web"),
    app("no source", "exactly one of kustomize, helm", deployed="false"),
    with_files(
        app("two sources", "kustomize and deployed: true is", deployed="true\n  kustomize: ."),
        {"kustomization.yaml": ""},
    ),
    app("a chart that is none", "it has no Chart.yaml", deployed="false\n  helm: {chart: .}"),
    app("a folder that there is not", "there is no", deployed="false\n  kustomize: nowhere"),
    app("a user that there is not", "there is no", deployed="false\n  kustomize: ~nobody9/x"),
    app("a path without end", "there is no", deployed=f"false\n  kustomize: {'x' * 5000}"),
    *(app(f"the port {port}", "app.endpoints.outside.node_port: expected", port=port)
      for port in ("0", "65536", "true", "http", ".inf", "30880.5")),
    *(app(f"the outage {outage}", "app.objectives.outage_s: expected", outage=outage)
      for outage in (".inf", "-1", "true", "1e9")),
    settings("app: nothing but its name", "app: {}\n", "app.namespace: is missing",
             "app.workload: is missing"),
]  # fmt: skip

COMMANDS = (
    "site", "history list", "history trends", "notify", "report latest", "diagnostics",
    "readiness --upgrade-to 1.36.3", "app status", "app deploy", "app rotate", "app remove",
    "app traffic", "heal", "up", "drill", "drill node-drain --dry-run", "replay latest",
    "pod image",
)  # fmt: skip

EVERY_COMMAND = [
    Door(
        f"settings: a misspelt drill is refused by {line}",
        tuple(line.split()),
        2,
        ("no such drill; did you mean node-drain?",),
        files={"kubedrill.yml": "drills: {node-drian: {}}\n"},
    )
    for line in COMMANDS
]

DOORS = [*NUMBER_DOORS, *YAML_DOORS, *NAMES_DOORS, *APP_DOORS, *EVERY_COMMAND]
