from kubedrill.cluster.undo_timer import timer_argv


def test_systemd_hands_the_shell_s_own_variables_on() -> None:
    """Systemd 257: ``${found# }`` "evaluates to an empty string"; what it guarded was not done."""
    argv = timer_argv(
        "kubedrill-undo-cp1-etcd-gone", 540, 'found="$(pids)"; [ -n "${found# }" ] || exit 1'
    )
    assert argv[-1] == 'found="$$(pids)"; [ -n "$${found# }" ] || exit 1'
    assert "--on-active=540s" in argv
