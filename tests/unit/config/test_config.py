from pathlib import Path

import pytest

from kubedrill.base.errors import ConfigErrors
from kubedrill.config import (
    GameDay,
    History,
    Load,
    Notify,
    Probes,
    Settings,
    Timeouts,
    load_settings,
)
from kubedrill.config.limits import Limits
from kubedrill.drills import ALL

DOCS = Path(__file__).parents[3] / "docs" / "reference" / "configuration.md"


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "kubedrill.yml"
    path.write_text(text, encoding="utf-8")
    return path


def test_without_a_file_the_defaults_apply(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_settings() == Settings()


def test_the_working_directory_s_file_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "probes: {interval_s: 0.05}")
    monkeypatch.chdir(tmp_path)
    assert load_settings().probes.interval_s == 0.05


def test_an_empty_file_means_defaults(tmp_path: Path) -> None:
    assert load_settings(write(tmp_path, "# nothing set\n")) == Settings()


def test_all_mistakes_are_listed_at_once_with_their_place(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "timeouts: {api_cal: 3, node_ready: -1}\nprobes: {interval_s: often}\ncolour: red\n",
    )
    with pytest.raises(ConfigErrors) as caught:
        load_settings(path)
    assert caught.value.exit_code == 2
    text = str(caught.value)
    assert f"{path} has 4 mistakes" in text
    assert "timeouts.api_cal: no such setting; known here: api_call, " in text
    assert "timeouts.node_ready: expected more than 0, found -1" in text
    assert "probes.interval_s: expected a number, found 'often'" in text
    assert "colour: no such setting; known here: app, control_target, " in text
    assert "line 1: timeouts.api_cal" in text
    assert "did you mean api_call?" in text
    assert "line 3: colour" in text


@pytest.mark.parametrize(
    ("text", "expected"),
    [("- a\n- b\n", "holds a list"), ("a: [", "is not YAML"), ("just words", "holds a str")],
)
def test_a_file_that_is_no_settings_is_refused(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(ConfigErrors, match=expected):
        load_settings(write(tmp_path, text))


def test_a_file_that_was_asked_for_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors, match="No such file"):
        load_settings(tmp_path / "absent.yml")


def test_one_limit_of_a_drill_leaves_its_others(tmp_path: Path) -> None:
    drill = ALL["failover-vip"]
    for name in ("failover-vip", "failover_vip"):
        settings = load_settings(write(tmp_path, f"drills: {{{name}: {{api_outage_s: 3}}}}"))
        limits = settings.limits(drill.name, drill.limits)
        assert limits.api_outage_s == 3
        assert limits.app_outage_s == drill.limits.app_outage_s != Limits().app_outage_s


def test_a_drill_that_does_not_exist_is_told_with_all_other_mistakes(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        (
            "drills: {node_drian: {}, zzz: {}, node-drain: {app_outage: 1, dns_outage_s: "
            "-1}}\ncolour: "
            "red\n"
        ),
    )
    with pytest.raises(ConfigErrors) as caught:
        load_settings(path, ALL)
    text = str(caught.value)
    assert f"{path} has 5 mistakes" in text
    assert "drills.node_drian: no such drill; did you mean node-drain?" in text
    assert "drills.zzz: no such drill; kubedrill list names them all" in text
    assert "drills.node-drain.app_outage: no such setting; known here: api_available_" in text
    assert "drills.node-drain.dns_outage_s: expected 0 or more, found -1" in text


def test_a_drill_is_given_once_however_its_name_is_written(tmp_path: Path) -> None:
    path = write(tmp_path, "drills: {node-drain: {}, node_drain: {}}")
    with pytest.raises(ConfigErrors, match="drills: twice: node-drain"):
        load_settings(path, ALL)


def test_settings_cannot_be_changed_by_code() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().timeouts.api_call = 1  # type: ignore[misc]


def test_each_setting_says_why_its_default_is_what_it_is() -> None:
    for section in (Timeouts, Probes, Limits, History, GameDay):
        for name, field in section.model_fields.items():
            assert field.description, f"{section.__name__}.{name} has no reason"


def test_the_documentation_lists_every_setting_and_its_default() -> None:
    text = DOCS.read_text(encoding="utf-8")
    for prefix, section in (("timeouts", Timeouts), ("probes", Probes), ("game_day", GameDay)):
        for name, field in section.model_fields.items():
            if field.default == ():
                assert f"| `{prefix}.{name}` | (empty) | {field.description} |" in text
                continue
            if isinstance(field.default, bool):
                default = str(field.default).lower()
                assert f"| `{prefix}.{name}` | {default} | {field.description} |" in text
                continue
            assert f"| `{prefix}.{name}` | {field.default:g} |" in text, (
                f"docs: {prefix}.{name} = {field.default:g}"
            )
    for name, field in History.model_fields.items():
        default = str(field.default).lower() or "(empty)"
        assert f"| `history.{name}` | {default} | {field.description} |" in text
    for name, field in Load.model_fields.items():
        assert f"| `load.{name}` | {field.default:g} | {field.description} |" in text
    for name, field in Notify.model_fields.items():
        assert (
            f"| `notify.{name}` | {str(field.default).lower() or '(empty)'} | {field.description} |"
            in text
        )
    for name in ALL:
        assert f"`{name}`" in text


@pytest.mark.parametrize(
    "name",
    ["failover-vip", "failover-etcd-leader", "upgrade-plane-lost", "network-holder-cut",
    "node-hang-leader",
     "zone-outage", "game-day"],
)  # fmt: skip
def test_dns_may_fail_as_long_as_the_loss_of_a_control_plane_is_predicted_to_last(
    name: str,
) -> None:
    handover, grace, period, proxy = 15 + 2, 50, 5, 1  # with the active controller manager on it
    assert ALL[name].limits.dns_outage_s > handover + grace + period + proxy


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("probes: {interval_s: 0.1}\nprobes: {timeout_s: 2}", "line 2: probes is given twice"),
        (
            "drills:\n  node-drain: {app_outage_s: 1}\n  node-drain: {app_outage_s: 60}",
            "line 3: node-drain is given twice, first in line 2",
        ),
        ("drills:\n  node-drain: {app_outage_s: 1, app_outage_s: 60}", "app_outage_s is given"),
        ("drills: {node-drain: {app_outage_s: .inf}}", "app_outage_s: expected a number that"),
        ("drills: {node-drain: {app_outage_s: .nan}}", "drills.node-drain.app_outage_s"),
        ("drills:\n  node-drain: {app_outage_s: 1:30}", "line 2: 1:30 is a number in base 60"),
        ("drills:\n  node-drain: {app_outage_s: 1:30.5}", "line 2: 1:30.5 is a number in base"),
        ("drills: {node-drain: {app_outage_s: true}}", "app_outage_s: expected a number"),
        ("drills: {node-drain: {app_max_failed: yes}}", "app_max_failed: expected a number"),
        ("probes: {min_samples: on}", "probes.min_samples: expected a number"),
    ],
)
def test_what_yaml_would_take_for_something_else_is_refused(
    tmp_path: Path, text: str, words: str
) -> None:
    path = tmp_path / "kubedrill.yml"
    path.write_text(text)
    with pytest.raises(ConfigErrors) as caught:
        load_settings(path)
    assert words in str(caught.value)


def test_a_merge_key_and_text_with_a_colon_are_read(tmp_path: Path) -> None:
    path = tmp_path / "kubedrill.yml"
    path.write_text(
        "drills:\n  node-drain: &a {app_outage_s: 2}\n  node-power-off: {<<: *a, api_outage_s: 4}\n"
        "history: {host: 'a:1:30'}\n"
    )
    settings = load_settings(path)
    assert settings.limits("node-power-off", Limits()).app_outage_s == 2
    assert settings.history.host == "a:1:30"
