"""The pages keep their word: links lead somewhere; commands, settings, variables and names are there."""

import re
import shlex
from dataclasses import fields
from functools import cache
from pathlib import Path

import botocore.session
import jmespath
import pytest
import typer
from botocore import xform_name

from iotstream._native import SWITCH
from iotstream.cli.app import app
from iotstream.rejects import Reason
from iotstream.settings import CONFIG_VARIABLE, SECTIONS, variable

ROOT = Path(__file__).parents[1]
TERRAFORM = ROOT / "infra" / "terraform"
PAGES = sorted(
    path
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("infra/**/*.md")]
    if ".terraform" not in path.parts
)

FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"(?<!`)`([^`]+)`(?!`)")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
PLACEHOLDER = re.compile(r"<[a-zA-Z][^<>|;&\n]*>")
HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
SHELL = {"", "bash", "sh", "console"}
DRAWN = re.compile("[─│└├▶→]")
PROGRAMS = {"iotstream", "make", "aws", "terraform"}
CALLS = re.compile(rf"(?:^|[\s(/])(?:{'|'.join(PROGRAMS)}) ", re.MULTILINE)
# Of the AWS CLI itself: https://docs.aws.amazon.com/cli/latest/reference/
GLOBAL_OPTIONS = {
    *("region", "profile", "output", "query", "endpoint-url", "cli-binary-format", "cli-read-timeout"),
    *("max-items", "page-size", "starting-token", "no-paginate", "no-cli-pager"),
}
COMMANDS_WITHOUT_OPERATION = {
    ("ecr", "get-login-password"): set(),
    ("logs", "tail"): {"since", "follow", "filter-pattern", "format", "log-stream-names"},
    **{("s3", name): {"recursive", "only-show-errors"} for name in ("cp", "ls", "rm", "rb", "sync")},
}

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


# --- reading pages ---------------------------------------------------------------------------------------


@cache
def text_of(page):
    return page.read_text(encoding="utf-8")


@cache
def prose_of(page):
    return FENCE.sub("", text_of(page))


def blocks(page, languages):
    return [body for _, language, body in FENCE.findall(text_of(page)) if language in languages]


def anchors(page):
    """As GitHub makes them of headings."""
    found = set()
    for heading in HEADING.findall(prose_of(page)):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading.replace("`", ""))
        name = re.sub(r"[^\w\- ]", "", plain.strip().lower()).replace(" ", "-")
        numbered = (f"{name}-{number}" for number in range(1, 100))
        found.add(name if name not in found else next(one for one in numbered if one not in found))
    return found


def statements(script):
    """Its lines, with those that a line goes on in, as words; operators are words of their own."""
    pending = ""
    for line in PLACEHOLDER.sub("PLACEHOLDER", script.replace("\\\n", " ")).splitlines():
        pending += re.sub(r"(^|\s)#(\s.*)?$", "", line) + "\n"
        lexer = shlex.shlex(pending, posix=True, punctuation_chars=True)
        lexer.whitespace_split, lexer.commenters = True, ""
        try:
            words = list(lexer)
        except ValueError:  # a quotation goes on in the next line
            continue
        signs = "".join(word for word in words if set(word) <= set("()"))
        if signs.count("(") > signs.count(")"):  # and so does a substitution
            continue
        pending = ""
        yield words
    assert not pending, f"a quotation or parenthesis without an end: {pending[:200]}"


def commands(script):
    """Each command in it as words, whatever pipes and substitutions it stands in."""
    for words in statements(script):
        open_ones = [[]]  # the innermost last
        for word in [*words, ";"]:
            if set(word) <= set("()") and word:
                for sign in word:
                    if sign == "(":
                        open_ones.append([])
                    else:
                        yield from simple(open_ones.pop())
                        if open_ones[-1] and open_ones[-1][-1].endswith("$"):
                            open_ones[-1][-1] += "SUBSTITUTED"
            elif set(word) <= set(";|&") and word:
                yield from simple(open_ones[-1])
                open_ones[-1] = []
            else:
                open_ones[-1].append(word)


def simple(command):
    for word in command:
        for inner in substitutions(word):
            yield from commands(inner)
    begin = next((place for place, word in enumerate(command) if not is_prefix(word)), len(command))
    command = command[begin:]
    end = next((place for place, word in enumerate(command) if word and set(word) <= set("<>")), len(command))
    if command[:end]:
        yield [Path(command[0]).name, *command[1:end]]


def substitutions(word):
    """What stands in `$(…)` within a quotation."""
    for begin in (one.end() for one in re.finditer(r"\$\(", word)):
        depth = 1
        for end in range(begin, len(word)):
            depth += {"(": 1, ")": -1}.get(word[end], 0)
            if depth == 0:
                yield word[begin:end]
                break


def is_prefix(word):
    """What may stand before the program's name."""
    return word in {"while", "do", "if", "then"} or re.match(r"[A-Za-z_]\w*=", word) is not None


@cache
def called(page):
    """The commands of its code blocks."""
    scripts = [body for body in blocks(page, SHELL) if CALLS.search(body) and not DRAWN.search(body)]
    return [command for script in scripts for command in commands(script)]


@cache
def named(page):
    """Those that its text speaks of: perhaps by their beginning only, but without holes."""
    spans = [" ".join(span.split()) for span in SPAN.findall(prose_of(page))]
    scripts = [span for span in spans if CALLS.match(span) and not re.search(r"[…\[\]<>|]", span)]
    return [command for script in scripts for command in commands(script)]


def uses(page, program):
    return [command[1:] for command in [*called(page), *named(page)] if command[0] == program]


# --- links -----------------------------------------------------------------------------------------------


@every_page
def test_links_lead_to_files_and_headings_that_are_there(page):
    broken = []
    for target in LINK.findall(SPAN.sub("", prose_of(page))):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        there = (page.parent / name).resolve() if name else page
        if not there.exists() or (anchor and anchor not in anchors(there)):
            broken.append(target)
    assert broken == []


# --- the command, make, settings -------------------------------------------------------------------------


COMMAND = typer.main.get_command(app)


def parse(words):
    """Let the command's own parser take them; nothing is run, and no value is looked at."""
    command = COMMAND
    while words and (inner := getattr(command, "commands", {}).get(words[0])) is not None:
        command, words = inner, words[1:]
    if {"-h", "--help"} & set(words):
        return
    # What is no sub-command is left over here, as an argument that nobody takes.
    context = command.context_class(command, info_name="iotstream")
    parser = command.make_parser(context)
    _, rest, _ = parser.parse_args(list(words))
    assert not rest, f"it takes no {rest}"


@every_page
def test_iotstream_is_called_as_it_wants_to_be(page):
    for words in uses(page, "iotstream"):
        try:
            parse(words)
        except Exception as error:
            pytest.fail(f"iotstream {' '.join(words)}: {error}")


@pytest.mark.parametrize(
    "words", [["audits"], ["audit", "--deeper"], ["schema", "checks", "a", "b"], ["audit", "--shard"]]
)
def test_a_wrong_call_would_be_seen(words):
    with pytest.raises(Exception, match=r"(?i)takes no|no such option|requires an argument"):
        parse(words)


@every_page
def test_make_has_the_targets(page):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert {word for words in uses(page, "make") for word in words if "=" not in word} <= targets


@every_page
def test_settings_are_there(page):
    known = {variable(kind.section, key.name) for kind in SECTIONS for key in fields(kind)}
    found = set(re.findall(r"\bIOTSTREAM_[A-Z0-9_]*[A-Z0-9]\b(?!_?…)", text_of(page)))
    assert found <= {*known, CONFIG_VARIABLE, SWITCH}


# --- the AWS CLI: its options are the members of the operation's input --------------------------------------


@cache
def service_model(service):
    return botocore.session.get_session().get_service_model({"s3api": "s3"}.get(service, service))


@cache
def operation_model(service, operation):
    model = service_model(service)
    names = {xform_name(name, "-"): name for name in model.operation_names}
    assert operation in names, f"aws {service} has no {operation}"
    return model.operation_model(names[operation])


def fault_of(service, operation, *words, complete=True):
    """What is wrong with a call; empty if nothing. One that is spoken of may leave out what is required."""
    given = {word[2:].partition("=")[0] for word in words if word.startswith("--")}
    if (service, operation) in COMMANDS_WITHOUT_OPERATION:
        unknown, absent = given - COMMANDS_WITHOUT_OPERATION[service, operation] - GLOBAL_OPTIONS, set()
    else:
        shape = operation_model(service, operation).input_shape
        members = {
            xform_name(name, "-"): name in shape.required_members for name in getattr(shape, "members", ())
        }
        # A flag that can be turned off, too.
        unknown = {name for name in given - GLOBAL_OPTIONS if name.removeprefix("no-") not in members}
        absent = {name for name, required in members.items() if required and name not in given and complete}
    return f"unknown {sorted(unknown)}, absent {sorted(absent)}" if unknown or absent else ""


def names_in(shape, seen=()):
    """Of all members of an answer, at any depth."""
    if shape is None or shape.name in seen:
        return set()
    inner = getattr(shape, "members", {})
    parts = [*inner.values(), getattr(shape, "member", None), getattr(shape, "value", None)]
    return set(inner).union(*(names_in(part, (*seen, shape.name)) for part in parts))


def fields_in(node):
    """Names that a JMESPath asks for."""
    found = {node["value"]} if node["type"] == "field" else set()
    return found.union(*(fields_in(child) for child in node["children"] if isinstance(child, dict)))


@every_page
def test_queries_ask_for_what_is_answered(page):
    for program, *words in called(page):
        if program == "aws" and "--query" in words:
            asked = fields_in(
                jmespath.compile(words[words.index("--query") + 1].replace("$kind", "Versions")).parsed
            )
            assert asked <= names_in(operation_model(*words[:2]).output_shape), words


@every_page
def test_the_aws_cli_has_the_commands_and_options(page):
    wrong = []
    for commands_, complete in ((called(page), True), (named(page), False)):
        for program, *words in commands_:
            if program == "aws" and (fault := fault_of(*words, complete=complete)):
                wrong.append(f"aws {' '.join(words)}: {fault}")
    assert wrong == []


def test_a_wrong_aws_call_would_be_seen():
    assert "certificate-id" in fault_of("iot", "describe-certificate")
    assert "stream" in fault_of("kinesis", "describe-stream-summary", "--stream", "x", "--stream-name", "x")
    with pytest.raises(AssertionError, match="has no"):
        fault_of("iot", "publish", "--topic", "x")


# --- Terraform -------------------------------------------------------------------------------------------


@cache
def declared(directory, kind):
    """Names of a directory's variables, outputs, modules; of resources `type.name`."""
    source = "\n".join(path.read_text(encoding="utf-8") for path in sorted(directory.glob("*.tf")))
    found = re.findall(rf'^{kind} "(\w+)"(?: "(\w+)")?', source, re.MULTILINE)
    return {".".join(filter(None, names)) for names in found}


def root_of(page):
    """The root that a page's Terraform is about: an example's own, or the whole."""
    return page.parent if "examples" in page.parts else TERRAFORM


def has_address(root, address):
    parts = re.sub(r"\[[^\]]*\]", "", address).split(".")
    if parts[0] != "module":
        return ".".join(parts) in declared(root, "resource")
    known = parts[1] in declared(TERRAFORM, "module")
    inner = TERRAFORM / "modules" / parts[1].replace("security_groups", "security-groups")
    return known and (len(parts) == 2 or has_address(inner, ".".join(parts[2:])))


def variables_given(words):
    for place, word in enumerate(words):
        if word == "-var":
            yield words[place + 1].partition("=")[0]
        elif word.startswith("-var="):
            yield word.removeprefix("-var=").partition("=")[0]


@every_page
def test_terraform_is_called_with_what_there_is(page):
    root = root_of(page)
    for call in uses(page, "terraform"):
        words = call[1:] if call[0].startswith("-chdir=") else call
        inputs = set(variables_given(words))
        assert inputs <= declared(root, "variable"), words
        addresses = [word.partition("=")[2] for word in words if word.startswith(("-target=", "-replace="))]
        addresses += words[2:] if words[:2] == ["state", "rm"] else []
        # An example has the root as its module.
        inside = [one.removeprefix("module.iotstream.") for one in addresses]
        assert all(has_address(TERRAFORM, one) for one in inside), words
        if words[0] == "output":
            assert {word for word in words[1:] if not word.startswith("-")} <= declared(root, "output"), words


@every_page
def test_variables_in_blocks_of_terraform_are_there(page):
    for body in blocks(page, {"hcl"}):
        assigned = set(re.findall(r"^(\w+)\s*=", body, re.MULTILINE))
        assert assigned <= declared(TERRAFORM, "variable")
        for source, inside in re.findall(
            r'^module "\w+" \{\n\s+source\s+= "\./(modules/[\w-]+)"\n(.*?)^\}', body, re.MULTILINE | re.DOTALL
        ):
            given = set(re.findall(r"^  (\w+)\s*=", inside, re.MULTILINE))
            assert given <= declared(TERRAFORM / source, "variable"), source


def test_the_example_of_variables_has_none_that_is_not_there():
    text = (TERRAFORM / "terraform.tfvars.example").read_text(encoding="utf-8")
    assigned = set(re.findall(r"^(\w+)\s*=", text, re.MULTILINE))
    assert assigned
    assert assigned <= declared(TERRAFORM, "variable")


# --- troubleshooting is complete -------------------------------------------------------------------------


def section(page, heading):
    return text_of(page).partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def test_each_alarm_has_its_place_and_no_other_is_named():
    alarms = (TERRAFORM / "modules" / "monitoring" / "alarms.tf").read_text(encoding="utf-8")
    names = re.findall(r' "?([a-z][a-z0-9-]*(?:\$\{\w+\})?)"? (?:=|=>) \{\n +enabled', alarms)
    assert len(names) > 20
    table = text_of(ROOT / "docs" / "troubleshoot.md").partition("\n## ")[0]
    rows = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    found = {name for row in rows for name in SPAN.findall(row)}
    assert found == {re.sub(r"\$\{(\w+)\}", r"<\1>", name) for name in names}


def test_each_reason_of_a_dead_letter_is_explained():
    rows = section(ROOT / "docs" / "troubleshoot.md", "Dead letters").splitlines()
    found = {name for row in rows if row.startswith("| `") for name in SPAN.findall(row.split("|")[1])}
    assert found == {str(one) for one in Reason}
