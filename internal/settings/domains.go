package settings

// LocalDomainsFile guards nothing: no mail server must stand still over a line for its
// telemetry, least of all every server of a fleet that shares the file.
var LocalDomainsFile = define(Setting{
	Section: Process, Names: []string{"RUSMES_LOCAL_DOMAINS_FILE"},
	Kind: Text, Want: "a file of at most 1 MiB and 10,000 domain names, one a line, with comments after #",
	Otherwise: "no domains of a file",
	Meaning: "Domains whose messages are always counted by name, beside those of `otelmail.WithLocalDomains`, " +
		"see [below](#one-list-of-domains-for-all-servers)",
})
