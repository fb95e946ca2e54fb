// Package jmapmethod lists the JMAP methods that otelmail knows.
package jmapmethod

// Names are the methods of RFC 8620 (core, push), RFC 8621 (mail), RFC 8887, RFC 9007 (MDN),
// RFC 9404 (blob), RFC 9425 (quota), RFC 9610 (contacts) and RFC 9661 (Sieve). The first
// stands for all others.
var Names = []string{"_OTHER", "Core/echo", "Blob/copy", "Blob/upload", "Blob/get", "Blob/lookup",
	"PushSubscription/get", "PushSubscription/set",
	"Mailbox/get", "Mailbox/changes", "Mailbox/query", "Mailbox/queryChanges", "Mailbox/set",
	"Thread/get", "Thread/changes",
	"Email/get", "Email/changes", "Email/query", "Email/queryChanges", "Email/set", "Email/copy",
	"Email/import", "Email/parse", "SearchSnippet/get",
	"Identity/get", "Identity/changes", "Identity/set",
	"EmailSubmission/get", "EmailSubmission/changes", "EmailSubmission/query",
	"EmailSubmission/queryChanges", "EmailSubmission/set",
	"VacationResponse/get", "VacationResponse/set",
	"MDN/send", "MDN/parse", "Quota/get", "Quota/changes", "Quota/query", "Quota/queryChanges",
	"SieveScript/get", "SieveScript/query", "SieveScript/set", "SieveScript/validate",
	"AddressBook/get", "AddressBook/changes", "AddressBook/set",
	"ContactCard/get", "ContactCard/changes", "ContactCard/query", "ContactCard/queryChanges",
	"ContactCard/set", "ContactCard/copy"}
