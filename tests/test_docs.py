"""What README and docs claim, as far as it can be run: code blocks, their output, links, commands and options."""

from __future__ import annotations

import contextlib
import io
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks() -> list[pytest.param]:  # type: ignore[valid-type]
    """Each Python block with the text block that follows it directly, which is what it prints."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        fences = list(FENCE.finditer(text))
        for i, fence in enumerate(fences):
            if fence[1] != "python":
                continue
            after = fences[i + 1] if i + 1 < len(fences) else None
            shown = None
            if after is not None and after[1] == "text" and not text[fence.end() : after.start()].strip():
                shown = after[2]
            found.append(pytest.param(fence[2], shown, id=f"{page.name}:{text.count(chr(10), 0, fence.start()) + 1}"))
    return found


def test_there_is_something_to_check() -> None:
    assert {page.name for page in PAGES} >= {
        "README.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "architecture.md",
        "differences.md",
        "benchmarks.md",
    }
    assert len(blocks()) >= 3


@pytest.mark.parametrize(("source", "shown"), blocks())
def test_code_runs_and_prints_what_is_shown(source: str, shown: str | None) -> None:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(source, "<documentation>", "exec"), {"__name__": "__main__"})
    if shown is not None:
        assert printed.getvalue() == shown


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: pathlib.Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_are_named_exist(page: pathlib.Path) -> None:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for name in re.findall(r"`((?:native|src|tests|tools|docs|examples|benchmarks|\.ci)/[\w./-]*\w)`", text):
        assert (ROOT / name).exists() or list(ROOT.glob(f"{name}.*")), name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_options_of_the_commands_exist(page: pathlib.Path) -> None:
    from rushlight.__main__ import _parser
    from rushlight._bench.cli import _parser as bench_parser

    help_text = _parser().format_help()
    for command, options in re.findall(
        r"rushlight (\w+)((?: [^\s`#&]+)*)",
        "\n".join(m[2] for m in FENCE.finditer(page.read_text(encoding="utf-8")) if m[1] == "sh"),
    ):
        assert command in help_text
        if command == "bench":
            for option in re.findall(r"--\w+", options):
                assert option in bench_parser().format_help()


def test_environment_variables_and_build_options_are_the_codes() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in [*ROOT.glob("native/**/*.*"), ROOT / "CMakeLists.txt"])
    for page in PAGES:
        for name in re.findall(r"\bRUSHLIGHT_[A-Z_]+", page.read_text(encoding="utf-8")):
            assert name in code, f"{name} in {page.name}"


def test_the_two_commands_of_the_readme() -> None:
    lines = [m[2].strip() for m in FENCE.finditer((ROOT / "README.md").read_text(encoding="utf-8")) if m[1] == "sh"]
    install, check = [line for line in lines if "venv" in line]
    assert install.endswith("rushlight demo") and check.endswith("python -m pytest")
    extras = re.findall(
        r"^(\w+) = \[", (ROOT / "pyproject.toml").read_text(encoding="utf-8").split("optional-dependencies]")[1], re.M
    )
    for line in (install, check):
        (extra,) = re.findall(r"\.\[(\w+)\]", line)
        assert extra in extras
