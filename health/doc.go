// Package health runs the checks of a mail server in the background and answers
// the three questions an orchestrator asks about it:
//
//   - /health: does every part work? For people and dashboards.
//   - /ready: may new connections be sent here? False while starting, while
//     draining, and while a check that decides readiness fails.
//   - /live: must the process be restarted? Only a check that decides liveness
//     can say so; draining never does.
//
// A probe is answered from remembered state and never runs a check, so it costs
// microseconds even while a check hangs. Each check has one goroutine of its own:
// a hung check is reported as [StateTimeout] and is not started again until it
// returns.
//
// A check may say how many failures in a row, and over how long a time, it takes until a
// probe changes ([FailAfter]), and how many healthy runs until it changes back
// ([RecoverAfter]): what comes and goes changes nothing. /health?verbose shows since when each
// check has been in its state, /health?group=NAME the checks of one group ([Groups]).
//
// By default nothing is published that a stranger could have written: the text of a
// check's error, which often holds a mail address, is shown only with
// [WithErrorDetail].
//
// The package uses the standard library alone.
package health
