package series

import "github.com/rusmes/otelmail/catalog"

// What a page of /metrics says of itself: the Catalog has only what goes over OTLP too.
var (
	ScrapeErrors = catalog.Metric{
		Name: "telemetry_scrape_errors_total", Kind: catalog.Counter, Unit: "{error}", Fleet: catalog.Sum,
		Help: "What kept a scrape from being whole",
		Rise: "The page of /metrics lacks something; the error passed to the error handler says what.",
		Labels: []catalog.Label{{
			Key: "reason", Values: []string{"source", "timeout", "series", "encode", "busy"},
			Help: "Why",
		}},
	}
	ServerProblems = catalog.Metric{
		Name: "telemetry_server_problems_total", Kind: catalog.Counter, Unit: "{problem}", Fleet: catalog.Sum,
		Help: "What the server of /metrics and of the probes refused or could not use",
		Rise: "connection, rate: somebody scrapes too often. password, login: a scraper has an old password, or it is guessed. config: the web configuration file cannot be used, and what it said before holds on. descriptors: clients of the mail server hold every file descriptor, and no mail is taken, see process_open_fds.",
		Labels: []catalog.Label{{
			Key: "reason", Values: []string{"connection", "login", "password", "rate", "config", "descriptors"},
			Help: "Why",
		}},
	}
)
