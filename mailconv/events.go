package mailconv

// The events: names of log records that say what has happened to a message, or that
// somebody could not log in. docs/events.md says when each is emitted, and with which
// attributes.
const (
	EventAccepted    = "email.accepted"     // a client's message was accepted after DATA or BDAT
	EventRejected    = "email.rejected"     // mail was refused, or a connection that might have brought some
	EventQueued      = "email.queued"       // a message was put into the queue
	EventAttempt     = "email.attempt"      // an attempt to deliver a message has begun
	EventDelivered   = "email.delivered"    // the other side, or a mailbox, has taken a message over
	EventDeferred    = "email.deferred"     // a message is to be tried again
	EventFailed      = "email.failed"       // an attempt has failed, and is not to be made again
	EventBounced     = "email.bounced"      // the sender was told by a delivery status notification
	EventExpired     = "email.expired"      // a message was given up after having been tried for too long
	EventDropped     = "email.dropped"      // a message was discarded on purpose
	EventLoginFailed = "email.login_failed" // an attempt to log in did not succeed
)
