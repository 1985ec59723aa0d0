"""Every command by its name, where it is, and its help text. After a change: `make help-pages`.

Long because it is one table."""

from typing import NamedTuple


class Command(NamedTuple):
    name: str
    where: str
    help: str


TITLE = """Tools for agents without giving up control.

Example: toolward demo
Example: toolward ask "Where is ORD-1003?"
Example: toolward up"""

ENDING = "Exit codes: 0 ok, 1 failed, 2 usage, 3 denied, 4 sign-in needed, 5 waiting for a person, 130 interrupted."

_BEGIN = (
    Command(
        "demo",
        "gateway.cli.demo:demo",
        "Run the main job once: one question, every decision shown.\n\n"
        "Four tool servers are started, and the support agent looks up an order, reads the returns policy, works\n"
        "out a credit and saves a summary. It works in a folder of its own; nothing of yours is touched.\n\n"
        "Example: toolward demo",
    ),
    Command(
        "up",
        "gateway.cli.up:up",
        "Start the gateway and the configured tool servers; Ctrl-C stops all.\n\n"
        "With --workers several processes do its work at one address, for machines with as many free cores.\n\n"
        "Example: toolward up\n"
        "Example: toolward up --workers 4",
    ),
    Command(
        "ask",
        "gateway.cli.ask:ask",
        "Ask an agent, and watch it work.\n\n"
        "What it does goes to standard error, the answer to standard output; --json prints every event as a line.\n"
        "Where policy asks for a person, you are asked here; without a terminal the exit code is then 5.\n\n"
        'Example: toolward ask "Where is my order ORD-1003?"',
    ),
    Command(
        "mcp",
        "gateway.cli.mcp:mcp",
        "Serve the gateway over MCP on stdio, for a desktop client.\n\n"
        "It uses the gateway that runs on this computer, or starts the configured servers itself.\n\n"
        'In the client\'s file: {"command": "toolward", "args": ["mcp"]}\n\n'
        "Example: toolward mcp",
    ),
    Command(
        "console",
        "gateway.cli.console:console",
        "Print a link that signs you in to the console of the gateway that runs here: once, within ten minutes.\n\n"
        "Example: toolward console\n"
        "Example: toolward console --open",
    ),
)
_LOOK_AFTER = (
    Command(
        "status",
        "gateway.cli.status:status",
        "Say how the gateway is that runs here: its backends, models, policy, and what waits for a person.\n\n"
        "The exit code is 1 where none runs, or something of it is down.\n\n"
        "Example: toolward status\n"
        "Example: toolward status --json",
    ),
    Command(
        "doctor",
        "gateway.cli.doctor:doctor",
        "Check everything that Toolward needs, and say of each finding what to do.\n\n"
        "Python, packages, home, disk, clock, configuration, policy, agents, keys, the running gateway, ports,\n"
        "backends, models, ledger. Tool servers that no gateway has started are started for it and stopped again;\n"
        "--offline starts and reaches nothing. The exit code is 1 where something must be mended.\n\n"
        "Example: toolward doctor\n"
        "Example: toolward doctor --offline --json",
    ),
    Command(
        "backup",
        "gateway.cli.backup:backup",
        "Copy all that this installation keeps into a new folder, also while a gateway runs.\n\n"
        "Ledger, checkpoints, keys and secrets, pins, configuration and policies, and what the tool servers that\n"
        "come along keep in the home directory; with a manifest of digests. It holds secrets: keep it safe.\n\n"
        "Example: toolward backup /mnt/backups/toolward-monday",
    ),
    Command(
        "restore",
        "gateway.cli.backup:restore",
        "Put a backup in place, where no gateway runs.\n\n"
        "What happened after the backup is on nobody's record then. So open approvals are void, and runs that\n"
        "were not over are paused: run resume lets one go on, and asks about calls that were under way.\n"
        "With --replace what is in the home directory now is moved aside. Configuration files stay as they are.\n\n"
        "Example: toolward restore /mnt/backups/toolward-monday\n"
        "Example: toolward restore /mnt/backups/toolward-monday --replace",
    ),
    Command(
        "completion",
        "gateway.cli.completion:completion",
        "Print the script that lets a shell complete commands, options, and names of tools, runs and requests.\n\n"
        'In ~/.bashrc: eval "$(toolward completion bash)". The script itself says how for each shell.\n\n'
        "Example: toolward completion bash\n"
        "Example: toolward completion zsh\n"
        "Example: toolward completion fish",
    ),
    Command("version", "gateway.cli.about:version", "Print the version.\n\nExample: toolward version --json"),
)
ALONE: dict[str, tuple[Command, ...]] = {"Begin": _BEGIN, "Look after it": _LOOK_AFTER}
"""By their headings on the first page."""

GROUPS: dict[tuple[str, str], tuple[Command, ...]] = {
    ("tool", "Tools that you may use."): (
        Command(
            "list",
            "gateway.cli.tool:list_tools",
            "List the tools that you may call.\n\nExample: toolward tool list --json",
        ),
        Command(
            "show",
            "gateway.cli.tool:show",
            "Show one tool with its schemas.\n\nExample: toolward tool show crm.get_record",
        ),
        Command(
            "call",
            "gateway.cli.tool:call",
            "Call a tool, through policy.\n\n"
            """Example: toolward tool call calculator.calculate '{"expression": "2+2"}'""",
        ),
        Command(
            "review",
            "gateway.cli.tool_review:review",
            "Show what differs from tools.lock: tools that changed or came since they were pinned are withheld.\n\n"
            "At a terminal you are asked whether to accept; --accept DIGEST accepts what was shown before.\n"
            "The exit code is 1 while something waits, or a server does not answer.\n\n"
            "Example: toolward tool review crm.refund_payment",
        ),
    ),
    ("policy", "What policy says, and why."): (
        Command(
            "check",
            "gateway.cli.policy:check",
            "Read policies, bind them to the tools that answer, and say what is wrong, with file and line.\n\n"
            "With --offline no server is started: only what is written in the files is looked at.\n\n"
            "Example: toolward policy check policies/mine.yaml --offline",
        ),
        Command(
            "explain",
            "gateway.cli.policy:explain",
            "Say which rule decides a call or an operation, and why the others do not.\n\n"
            "A name like run.start is an operation's, unless a backend is called run; then --operation says so.\n\n"
            """Example: toolward policy explain role:operator files.read_file '{"path": "a.txt"}'\n"""
            """Example: toolward policy explain user:ada,role:support run.start '{"agent": "support"}'""",
        ),
        Command(
            "test",
            "gateway.cli.policy_tables:run",
            "Run decision tables (policies/*_test.yaml): what must be allowed, asked for and denied, of tool\n"
            "calls and of operations.\n\n"
            "No server is started. A failing case is explained, and rules that decide no case are named.\n\n"
            "Example: toolward policy test policies/default_test.yaml --strict",
        ),
        Command(
            "replay",
            "gateway.cli.policy_replay:replay",
            "Decide recorded calls again by a candidate policy, and print what would change.\n\n"
            "Nothing is called. The exit code is 1 when a decision would change.\n\n"
            "It says nothing of operations (runs, the inbox, the ledger): they are not recorded. That is\n"
            "what policy test is for. Policy must allow you ledger.read, since it shows what is on record.\n\n"
            "Example: toolward policy replay policies/mine.yaml --since 7d",
        ),
    ),
    ("backend", "Tool servers behind the gateway."): (
        Command(
            "list",
            "gateway.cli.backend:list_backends",
            "List the configured tool servers: how each is reached, and where a gateway runs, how it is.\n\n"
            "Example: toolward backend list",
        ),
        Command(
            "add",
            "gateway.cli.backend:add",
            "Write a tool server into the configuration; a gateway that runs takes it up by itself.\n\n"
            "Nothing else in the file changes. Where there is no file, one is made in your user directory, with\n"
            "the servers that come along.\n\n"
            "Example: toolward backend add notes -- notes-server --stdio\n"
            "Example: toolward backend add hr --url https://hr.example/mcp --token '${env:HR_TOKEN}'",
        ),
        Command(
            "remove",
            "gateway.cli.backend:remove",
            "Take a tool server out of the configuration; a gateway that runs lets go of it by itself.\n\n"
            "What is on record of its tools stays.\n\n"
            "Example: toolward backend remove notes",
        ),
        Command(
            "logs",
            "gateway.cli.backend:logs",
            "Show what a server that the gateway starts wrote to its standard error.\n\n"
            "Example: toolward backend logs crm --follow",
        ),
    ),
    ("model", "Model endpoints."): (
        Command(
            "list",
            "gateway.cli.model:list_models",
            "List the model endpoints, with what they cost; none of them is asked anything.\n\n"
            "Example: toolward model list --json",
        ),
        Command(
            "check",
            "gateway.cli.model:check",
            "Ask model endpoints whether they answer, stream and call tools: three small requests each.\n\n"
            "Without names it asks all. The exit code is 1 where one does not do what its configuration says.\n\n"
            "Example: toolward model check\n"
            "Example: toolward model check strong --json",
        ),
    ),
    ("config", "Which configuration is in force."): (
        Command(
            "path",
            "gateway.cli.config:path",
            "Say which configuration is in force, and why.\n\n"
            "With --all every place where Toolward keeps something on this computer, and what goes with it.\n\n"
            "Example: toolward config path\n"
            "Example: toolward config path --all",
        ),
        Command(
            "show",
            "gateway.cli.config:show",
            "Show the configuration in force, with secrets as references.\n\nExample: toolward config show --json",
        ),
        Command(
            "trust",
            "gateway.cli.config:trust_config",
            "Show what the configuration of a folder would start, and trust it if you say so.\n\n"
            "What lies in a folder starts nothing before. A change of it asks again.\n\n"
            "Example: toolward config trust",
        ),
    ),
    ("inbox", "What people are asked, and their answers."): (
        Command(
            "list",
            "gateway.cli.inbox:list_requests",
            "List what waits for an answer, and who has taken it over.\n\nExample: toolward inbox list",
        ),
        Command(
            "show",
            "gateway.cli.inbox:show",
            "Show one request: who asks, for what, with which arguments, by which rule, until when; of an\n"
            "escalation what the agent found and tried, of an unknown outcome the call and the choices.\n\n"
            "Example: toolward inbox show req_1m7w…",
        ),
        Command(
            "approve",
            "gateway.cli.inbox:approve",
            "Approve one call; the run that waits for it goes on.\n\n"
            "With --arguments the call is made with those instead. Policy decides on them anew; where somebody\n"
            "else must agree to the change, the exit code is 5.\n\n"
            "Example: toolward inbox approve req_1m7w…\n"
            """Example: toolward inbox approve req_1m7w… --arguments '{"amount_minor": 4000}'""",
        ),
        Command(
            "deny",
            "gateway.cli.inbox:deny",
            "Deny one call, with a reason that the agent sees.\n\n"
            'Example: toolward inbox deny req_1m7w… --reason "ask the customer first"',
        ),
        Command(
            "answer",
            "gateway.cli.inbox:answer",
            "Answer a question, an escalation or an unknown outcome; the run that waits for it goes on.\n\n"
            "Where the request has choices, take one of them with --choice, and say more with --note.\n\n"
            'Example: toolward inbox answer req_1m7w… "ORD-1007, the one from May"\n'
            'Example: toolward inbox answer req_1m7w… --choice happened --note "it is in the bank\'s list"',
        ),
        Command(
            "take",
            "gateway.cli.inbox:take",
            "Take a case over: nobody else answers it, and it does not expire; the run waits for you.\n\n"
            "Who may answer it may take it, also from somebody else who has it. Hand it back with return.\n\n"
            "Example: toolward inbox take req_1m7w…",
        ),
        Command(
            "return",
            "gateway.cli.inbox:hand_back",
            "Hand a case back that you have taken over, with what you did; the agent reads it and goes on.\n\n"
            'Example: toolward inbox return req_1m7w… "refunded 30.00 by hand; tell the customer"',
        ),
        Command(
            "withdraw",
            "gateway.cli.inbox:withdraw",
            "Take back a request of your own.\n\nExample: toolward inbox withdraw req_1m7w…",
        ),
    ),
    ("ledger", "What happened, on record."): (
        Command(
            "tail",
            "gateway.cli.ledger:tail",
            "Show the newest calls: who, what, what was decided, how it ended.\n\n"
            "It reads the ledger's file, also while a gateway runs.\n\n"
            "Example: toolward ledger tail --follow --json",
        ),
        Command(
            "verify",
            "gateway.cli.ledger:verify",
            "Check that no row was changed, removed, added or reordered; the exit code is 1 if one was.\n\n"
            "What was cut off the end is found up to the last checkpoint outside the database.\n\n"
            "Example: toolward ledger verify",
        ),
        Command(
            "export",
            "gateway.cli.ledger:export",
            "Write every call as a line of JSON.\n\nExample: toolward ledger export --since 2026-11-01 --payloads",
        ),
        Command(
            "erase",
            "gateway.cli.ledger:erase",
            "Erase the arguments and results of calls; their records stay, and verify knows why.\n\n"
            'Example: toolward ledger erase --principal ada --reason "asked for by ada"',
        ),
        Command(
            "prune",
            "gateway.cli.ledger:prune",
            "Remove whole segments that are older than what is to be kept.\n\n"
            "A segment with a run or an input request that is not over stays.\n\n"
            "Example: toolward ledger prune --days 365",
        ),
        Command(
            "rotate-key",
            "gateway.cli.ledger:rotate_key",
            "Sign checkpoints with a new key from now on; what the old one signed can still be checked.\n\n"
            "Example: toolward ledger rotate-key",
        ),
    ),
    ("key", "API keys, by which programs prove for whom they call."): (
        Command(
            "create",
            "gateway.cli.key:create",
            "Make an API key, and show it this once; only its SHA-256 is kept.\n\n"
            "It gives what policy gives its owner with these roles; --scope narrows that to the tools and\n"
            "operations that a glob matches. A running gateway takes it within a second. See docs/identity.md.\n\n"
            'Example: toolward key create ci --role support --scope "search.*" --scope crm.get_record\n'
            'Example: toolward key create bot --role support --scope "run.*" --expires 30d --name "night shift"',
        ),
        Command(
            "list",
            "gateway.cli.key:list_keys",
            "List the API keys: whose, with which roles and scopes, until when.\n\n"
            "Example: toolward key list --json",
        ),
        Command(
            "revoke",
            "gateway.cli.key:revoke",
            "Revoke an API key: it is refused from then on, and the runs that it started go no further.\n\n"
            "Example: toolward key revoke 3mXq8ZbT0aLk",
        ),
    ),
    ("agent", "Agents, and what is wrong with their files."): (
        Command(
            "list",
            "gateway.cli.agent:list_agents",
            "List the configured agents, the model endpoints that may answer them, and their limits.\n\n"
            "Example: toolward agent list",
        ),
        Command(
            "check",
            "gateway.cli.agent:check",
            "Read agents' files and say what is wrong, with file and line. Nothing is started.\n\n"
            "Example: toolward agent check agents/mine.yaml",
        ),
    ),
    ("client", "Desktop clients: this gateway in their files."): (
        Command(
            "list",
            "gateway.cli.client:list_clients",
            "List the desktop clients that we know, with their files, and which are connected.\n\n"
            "Example: toolward client list\n"
            "Example: toolward client list --project . --json",
        ),
        Command(
            "connect",
            "gateway.cli.client:connect",
            "Put this gateway, or one tool server, into a client's file; the rest of it stays byte for byte.\n\n"
            "What changes is shown; --dry-run only shows it. Where the file cannot be read, nothing is written,\n"
            "and you get what to put into it. No secret is written: over stdio none is needed, and for --http\n"
            "the client takes its key from its environment.\n\n"
            "Example: toolward client connect claude-desktop --dry-run\n"
            "Example: toolward client connect vscode --project . --http\n"
            "Example: toolward client connect cursor --server files --env TOOLWARD_FILES_ROOT=/srv/notes",
        ),
        Command(
            "disconnect",
            "gateway.cli.client:disconnect",
            "Take it out again: the file as it was before if nothing else has changed, else all but our entry.\n\n"
            "Example: toolward client disconnect claude-desktop",
        ),
        Command(
            "print",
            "gateway.cli.client:print_client",
            "Print what belongs into a client's file, with a link that opens the client where it has one.\n\n"
            "Example: toolward client print codex\n"
            "Example: toolward client print zed --http",
        ),
    ),
    ("run", "Runs of agents."): (
        Command(
            "list",
            "gateway.cli.run:list_runs",
            "List runs, newest first: yours, or those that you may read. Filters can be combined.\n\n"
            "Example: toolward run list --state failed --since 2d\n"
            "Example: toolward run list --owner '*' --agent support --tool crm.refund_payment --min-tokens 5000",
        ),
        Command(
            "show",
            "gateway.cli.run_show:show",
            "Show one run, turn by turn: what was said, called, decided, returned, asked and answered.\n\n"
            "With --request it shows what the model was asked in one turn, rebuilt from the log and checked.\n\n"
            "Example: toolward run show run_1m7w…\n"
            "Example: toolward run show run_1m7w… --request 2",
        ),
        Command(
            "export",
            "gateway.cli.run_export:export",
            "Write runs as lines of JSON: prompts, tools, calls, outcomes, decisions, timings, tokens, ratings.\n\n"
            "Without ids the filters say which. --format openai gives the chat format for fine-tuning; runs that\n"
            "do not fit are left out, and named. Policy must allow you run.export. See docs/trajectories.md.\n\n"
            "Example: toolward run export run_1m7w…\n"
            "Example: toolward run export --agent support --state completed --format openai --out examples.jsonl",
        ),
        Command(
            "replay",
            "gateway.cli.run_replay:replay",
            "Let the recorded replies, outcomes and answers drive the agent's loop again, and compare events.\n\n"
            "Nothing is called. The exit code is 1 when an event differs; the first that does is shown.\n\n"
            "Example: toolward run replay run_1m7w…",
        ),
        Command(
            "watch",
            "gateway.cli.run:watch",
            "Watch a run to its end, from its beginning or from behind an event.\n\n"
            "What it asks, you are asked here; without a terminal, or while it is paused, the exit code is 5.\n"
            "Any number of people can watch a run. --deltas shows what the model says while it says it, and which\n"
            "calls it begins to write; --reasoning its reasoning, too.\n\n"
            "Example: toolward run watch run_1m7w… --deltas\n"
            "Example: toolward run watch run_1m7w… --after 12 --json",
        ),
        Command(
            "pause",
            "gateway.cli.run_control:pause",
            "Begin nothing new of a run until it is resumed; what is under way comes to its end.\n\n"
            "Example: toolward run pause run_1m7w…",
        ),
        Command(
            "resume",
            "gateway.cli.run_control:resume",
            "Let a paused run go on, with the rights that its owner has now, and watch it.\n\n"
            "Example: toolward run resume run_1m7w…",
        ),
        Command(
            "cancel",
            "gateway.cli.run_control:cancel",
            "End a run in any state; one that has ended stays as it is.\n\n"
            "Example: toolward run cancel run_1m7w…",
        ),
        Command(
            "retry",
            "gateway.cli.run_control:retry",
            "Start a new run that shares a run's events up to one of them, and watch it.\n\n"
            "What the old one did behind that event is done; to call such a tool again needs a person's yes.\n"
            "toolward run watch shows the events with --json, each with its number.\n\n"
            "Example: toolward run retry run_1m7w… --after 4",
        ),
        Command(
            "send",
            "gateway.cli.run_control:send",
            "Go on with the conversation of a run, and watch it to its answer, as ask does.\n\n"
            'Example: toolward run send run_1m7w… "And when does it arrive?"',
        ),
        Command(
            "erase",
            "gateway.cli.ledger:erase_run",
            "Erase what was said in a run that is over, with its calls and input requests; their records stay.\n\n"
            'Example: toolward run erase run_1m7w… --reason "asked for by ada"',
        ),
        Command(
            "rate",
            "gateway.cli.run_control:rate",
            "Say how good a run was, from -1 (bad) to 1 (good); the last rating counts.\n\n"
            'Example: toolward run rate run_1m7w… 1 --comment "found the right order at once"',
        ),
    ),
}
