package settings

// JSON is the log format that is not the default.
const JSON = "json"

// The outputs of the log that are not files.
const (
	Stdout = "stdout"
	Stderr = "stderr"
)

// The settings of the local log.
var (
	LogLevel = define(Setting{
		Section: Log, Names: []string{"RUSMES_LOG_LEVEL"},
		Kind: Choice, Values: []string{"debug", "info", "warn", "error"}, Default: "info",
		Options: []string{"otelmail.WithLogHandler"},
		Meaning: "The lowest level that is shown",
	})
	LogFormat = define(Setting{
		Section: Log, Names: []string{"RUSMES_LOG_FORMAT"},
		Kind: Choice, Values: []string{"text", JSON}, Default: "text",
		Options: []string{"otelmail.WithLogHandler"},
		Meaning: "`key=value` lines, or an object a line",
	})
	LogOutput = define(Setting{
		Section: Log, Names: []string{"RUSMES_LOG_OUTPUT"},
		Kind: Text, Want: Stdout + ", " + Stderr + " or the path of a file", Default: Stderr,
		Options: []string{"otelmail.WithLogHandler"},
		Meaning: "Where it goes; a file is appended to, and opened again after a rename or SIGHUP",
		Guards:  true,
	})
	LogMailEvents = define(Setting{
		Section: Log, Names: []string{"RUSMES_LOG_MAIL_EVENTS"},
		Kind: Flag, Default: "false",
		Options: []string{"otelmail.WithLogMailEvents"},
		Meaning: "With `true` mail events ([events.md](events.md)) are lines of level info in it, too",
	})
)
