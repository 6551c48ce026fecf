"""The command: ``python -m rushlight`` and ``rushlight``."""

from __future__ import annotations

import argparse
import sys

RUN_HELP = """\
Run a Python program in which `import torch` means rushlight. The program is not changed: `import torch.nn as nn`,
`from torch.autograd import Function` and the like resolve to rushlight's modules of the same name.
Everything after SCRIPT or MODULE belongs to the program."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="rushlight", description="PyTorch's autograd, small and fast, for the CPU.")
    parser.add_argument("--version", action="store_true", help="print the version and stop")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    run = commands.add_parser(
        "run",
        help="run a PyTorch script with rushlight in place of torch",
        description=RUN_HELP,
        usage="rushlight run SCRIPT [ARGS...]\n       rushlight run -m MODULE [ARGS...]",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    run.add_argument("-m", dest="module", metavar="MODULE", help="a module to run, as with `python -m`")
    run.add_argument("script", metavar="SCRIPT", nargs="?", help="a script, or a folder or zip file with a __main__.py")

    commands.add_parser("info", help="version, CPU level, threads, BLAS, sizes")

    demo = commands.add_parser(
        "demo", help="the autograd tutorial step by step, then a classifier of handwritten digits"
    )
    demo.add_argument("--out", default="rushlight-demo", metavar="DIR", help="where the pictures go (%(default)s)")
    demo.add_argument("--epochs", type=_positive, default=40, metavar="N", help="passes over the digits (%(default)s)")
    demo.add_argument(
        "--seed", type=int, default=0, metavar="N", help="seed of the weights and the order (%(default)s)"
    )
    demo.add_argument("--quick", action="store_true", help="few epochs, no accuracy demanded")

    bench = commands.add_parser("bench", add_help=False, help="measure against PyTorch (which must be installed)")
    bench.add_argument("rest", nargs=argparse.REMAINDER)
    return parser


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {value}")
    return value


def main(argv: list[str] | None = None) -> int:
    args = sys.argv[1:] if argv is None else argv
    # These two hand the rest of the line on as it stands, options that look like ours included; argparse cannot do that.
    if args[:1] == ["run"] and len(args) > 1 and (args[1] == "-m" or not args[1].startswith("-")):
        from ._cli import run

        if args[1] != "-m":
            return run.script(args[1], args[2:])
        if len(args) > 2:
            return run.module(args[2], args[3:])
    if args[:1] == ["bench"]:
        from ._bench import cli

        return cli.main(args[1:])

    parser = _parser()
    options = parser.parse_args(args)
    if options.version:
        from . import __version__

        print(f"rushlight {__version__}")
    elif options.command == "run":
        parser.error("run: a SCRIPT or `-m MODULE` is needed, and it comes first")
    elif options.command == "info":
        from ._cli import info

        return info.main()
    elif options.command == "demo":
        from ._cli import demo

        return demo.main(out=options.out, epochs=options.epochs, seed=options.seed, quick=options.quick)
    else:
        parser.print_help()
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
