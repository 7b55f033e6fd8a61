"""The shell, as scripts in manifests use it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable

import pytest

from .conftest import Run

SCRIPTS = [
    # words and variables
    ("echo a  b", "a b\n", 0),
    ("echo 'a  b' \"c  d\" e\\ f", "a  b c  d e f\n", 0),
    ('echo $FOO "$FOO" \'$FOO\' ${FOO}x', "bar bar $FOO barx\n", 0),
    ("echo ${NO:-a b} ${FOO:+set} ${#FOO} ${NO-}x", "a b set 3 x\n", 0),
    ("F=a.tar.gz; echo ${F%.*} ${F%%.*} ${F#*.} ${F##*.}", "a.tar a tar.gz gz\n", 0),
    ("echo ${NO:?no such thing}", "sh: NO: no such thing\n", 2),
    ("x='a  b'; echo $x; echo \"$x\"", "a b\na  b\n", 0),
    (
        "set -- 'a b' c; for w in \"$@\"; do echo \"<$w>\"; done; echo $# $1 $*",
        "<a b>\n<c>\n2 a b a b c\n",
        0,
    ),
    ("a=1; a=2 sh -c 'echo $a'; echo $a", "2\n1\n", 0),
    ("a=1; sh -c 'echo $a'; export a; sh -c 'echo $a'", "\n1\n", 0),
    ("echo $((1 + 2 * 3)) $(( (1+2)*3 )) $((7 / 2)) $((-7 % 3)) $((1 < 2))", "7 9 3 -1 1\n", 0),
    ("i=0; i=$((i+1)); : $((i += 4)); echo $i", "5\n", 0),
    ("echo $((1 / 0))", "sh: divide by zero\n", 2),
    ("echo $(echo a; echo b) `echo c`", "a b c\n", 0),
    ("cd /etc; echo host* nothing*; echo 'host*'", "hostname hosts nothing*\nhost*\n", 0),
    ("echo ~ ~/x '~'", "/root /root/x ~\n", 0),
    ("echo \"a\\$b\\\"c\" # a comment", 'a$b"c\n', 0),
    # lists, conditions, loops
    ("true && echo yes || echo no; false && echo yes || echo no", "yes\nno\n", 0),
    ("false; echo $?; ! false; echo $?", "1\n0\n", 0),
    ("exit 7", "", 7),
    ("(exit 3); echo $?; { echo a; echo b; }", "3\na\nb\n", 0),
    ("if false; then echo a; elif true; then echo b; else echo c; fi", "b\n", 0),
    ("if [ -f /etc/hosts ] && test ! -d /etc/hosts; then echo file; fi", "file\n", 0),
    ("for i in 1 2 3; do [ $i = 2 ] && continue; echo $i; done", "1\n3\n", 0),
    ("i=0; while true; do i=$((i+1)); [ $i -ge 3 ] && break; done; echo $i", "3\n", 0),
    ("i=0; until [ $i -eq 2 ]; do i=$((i+1)); done; echo $i", "2\n", 0),
    ("case abc in x) echo 1;; a*|b) echo 2;; *) echo 3;; esac", "2\n", 0),
    ("f() { local x=$1; echo in $x; return 4; }; x=out; f a; echo $? $x", "in a\n4 out\n", 0),
    ("set -e; echo a; false; echo b", "a\n", 1),
    ("set -e; if false; then :; fi; false || echo on; ! true; echo end", "on\nend\n", 0),
    ("set -x; echo a", "+ echo a\na\n", 0),
    ("set -u; echo $NO", "sh: NO: parameter not set\n", 2),
    # redirections and pipes
    ("echo a > /tmp/f; echo b >> /tmp/f; cat < /tmp/f", "a\nb\n", 0),
    ("echo a >&2; ls /nope 2>&1 | wc -l; ls /nope 2>/dev/null", "a\n1\n", 1),
    (
        "cat /nope > /tmp/both 2>&1; cat /tmp/both",
        "cat: can't open '/nope': No such file or directory\n",
        0,
    ),
    ("cat < /nope; echo $?", "sh: can't open /nope: no such file\n1\n", 0),
    ("echo x > /no/where; echo $?", "sh: can't create /no/where: nonexistent directory\n1\n", 0),
    ("cat <<EOF\na $FOO $((1+1))\nEOF\ncat <<'EOF'\n$FOO\nEOF", "a bar 2\n$FOO\n", 0),
    ("printf 'b\\na\\n' | sort | head -n 1; false | true; echo $?", "a\n0\n", 0),
    ("yes | head -n 2", "y\ny\n", 0),
    ("for i in 1 2; do echo $i; done | tail -1 > /tmp/o; cat /tmp/o", "2\n", 0),
    ("echo one two | { read a b; echo $b $a; }", "two one\n", 0),
    ("printf 'a\\nb\\n' | while read line; do echo \"<$line>\"; done", "<a>\n<b>\n", 0),
    # processes
    ("sleep 100 & kill $!; wait $!; echo $?", "143\n", 0),
    ("trap 'echo bye' EXIT; echo hi", "hi\nbye\n", 0),
    ("(sleep 0.1; exit 5) & wait $!; echo $?", "5\n", 0),
    ("exec echo replaced; echo never", "replaced\n", 0),
    ("sh -c 'kill -9 $$'; echo $?", "137\n", 0),
    (
        "eval 'x=1;' echo '$x'; . /tmp/none",
        "1\nsh: .: can't open '/tmp/none': No such file or directory\n",
        2,
    ),
    # what it has not
    ("foo; echo $?", "sh: foo: not found\n127\n", 0),
    ("/bin/nothing", "sh: /bin/nothing: not found\n", 127),
    ("/etc/hosts; echo $?", "sh: /etc/hosts: Permission denied\n126\n", 0),
    ("python3 -c 'print(1)'", "sh: python3: not found\n", 127),
    ("if true; then", 'sh: syntax error: unexpected end of file\n', 2),
    ("echo )", 'sh: syntax error: unexpected ")"\n', 2),
    ("echo 'a", "sh: syntax error: unterminated quoted string\n", 2),
    ("bg", "sh: bg: no job control here\n", 1),
]  # fmt: skip


@pytest.mark.parametrize(("script", "printed", "code"), SCRIPTS, ids=[one[0] for one in SCRIPTS])
def test_a_script(run: Run, script: str, printed: str, code: int) -> None:
    ended = run("sh", "-c", script)
    assert (ended.stdout, ended.returncode) == (printed, code)


def test_arguments_of_a_script(run: Run) -> None:
    assert run("sh", "-c", "echo $0 $1 $#", "name", "a", "b").stdout == "name a 2\n"


def test_commands_come_from_standard_input_line_by_line(run: Run) -> None:
    typed = b"echo a\nfor i in 1 2\ndo echo $i\ndone\nread x\nnot a command\necho $x; exit 3\n"
    ended = run("sh", typed=typed)
    assert (ended.stdout, ended.returncode) == ("a\n1\n2\nnot a command\n", 3)


def test_a_shell_that_nobody_types_to_ends_well(run: Run) -> None:
    assert run("sh").returncode == 0


@pytest.mark.parametrize("depth", [200, 50_000])
def test_deeply_nested_text_is_refused_in_words(run: Run, depth: int) -> None:
    ended = run("sh", typed=b"(" * depth)
    assert "Traceback" not in ended.stdout


Start = Callable[..., subprocess.Popen[bytes]]


def test_the_first_process_hears_only_signals_that_it_traps(start: Start) -> None:
    script = "trap 'echo bye; exit 6' USR1; echo up; while true; do sleep 0.05; done"
    with start("sh", "-c", script) as shell:
        assert shell.stdout is not None
        assert shell.stdout.readline() == b"up\n"
        shell.send_signal(signal.SIGTERM)
        shell.send_signal(signal.SIGUSR1)
        assert (shell.stdout.read(), shell.wait(10)) == (b"bye\n", 6)


def test_a_trap_interrupts_wait(start: Start) -> None:
    with start("sh", "-c", "trap 'exit 0' TERM; sleep 1000 & echo up; wait; echo no") as shell:
        assert shell.stdout is not None
        assert shell.stdout.readline() == b"up\n"
        shell.terminate()
        assert shell.wait(10) == 0
        os.killpg(shell.pid, signal.SIGKILL)
