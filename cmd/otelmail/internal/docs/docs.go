// Package docs is where the project's pages are found by those who have only what
// otelmail printed.
package docs

// URL is the folder of the pages.
const URL = "https://github.com/rusmes/otelmail/blob/main/docs/"

// Runbook is the page that says what to do about an alert.
func Runbook(alert string) string { return URL + "runbooks/" + alert + ".md" }
