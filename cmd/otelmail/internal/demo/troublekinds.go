package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/emersion/go-imap/v2"
)

// kindsOfTrouble are in the order of a message's way, and then the rest.
func (d *Demo) kindsOfTrouble() []trouble {
	return []trouble{
		{"overload", "a listener that takes one connection at a time has to turn others away", d.clients(tooMany)},
		{"logins", "the users cannot be looked up: nobody can log in, whatever the password", d.usersAway},
		{"passwords", "passwords are guessed, of the one account and over many names", d.clients(manyGuesses)},
		{"stolen", "the account sends from many networks, which count for an hour after it has ended", d.clients(stolen)},
		{"storage", "the directory of the queue is gone, as with a mount: its check fails, and mail is refused", d.spoolAway},
		{"disk", "a file fills the small file system of --spool", d.diskFull},
		{"panics", "mail comes in that the spam filter panics over", d.clients(odd)},
		{"queue", "the queue hands nothing out: mail is accepted and stays there", d.queueHeld},
		{"outbound", "the server of all other domains refuses connections: mail is tried again, and then bounces", d.remoteAway},
		{"tls", "mail goes to a server whose TLS is broken, and so in plaintext", d.clients(legacy)},
		{"bounces", "mail goes to people whom another server does not know", d.clients(rejected)},
		{"certificate", "the certificate ends in twelve hours", d.certificateEnds},
		{"blocklist", "a DNS block list has the server's address", d.listed},
	}
}

func (d *Demo) usersAway(context.Context) (func() error, error) {
	d.store.away.Store(true)
	return func() error { d.store.away.Store(false); return nil }, nil
}

func (d *Demo) queueHeld(ctx context.Context) (func() error, error) {
	return func() error { d.queue.resume(); return nil }, d.queue.pause(ctx)
}

func (d *Demo) remoteAway(ctx context.Context) (func() error, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	d.remote.close(ctx)
	return d.remote.open, nil
}

// spoolAway renames the directory while nobody works with it, so that nothing is lost and
// nothing is delivered twice.
func (d *Demo) spoolAway(ctx context.Context) (func() error, error) {
	if err := d.queue.pause(ctx); err != nil {
		return nil, err
	}
	dir, away := d.spool.dir, d.spool.dir+".away"
	if err := d.moveSpool(dir, away); err != nil {
		d.queue.resume()
		return nil, err
	}
	return func() error {
		if err := d.moveSpool(away, dir); err != nil {
			return err
		}
		d.queue.resume()
		return d.watchDisk()
	}, nil
}

func (d *Demo) moveSpool(from, to string) error {
	d.queue.storing.Lock()
	defer d.queue.storing.Unlock()
	if err := os.Rename(from, to); err != nil {
		return fmt.Errorf("move the spool: %w", err)
	}
	return nil
}

func (d *Demo) certificateEnds(context.Context) (func() error, error) {
	present := func(valid time.Duration) error {
		return errors.Join(d.certificate.replace(valid), d.watchCertificate())
	}
	return func() error { return present(d.config.certificateValid()) }, present(day / 2)
}

func (d *Demo) listed(context.Context) (func() error, error) {
	const entry = "1.0.0.127." + dnsblZone + "."
	return func() error { d.dns.remove(entry); return d.watchBlockLists() },
		errors.Join(d.dns.add(entry+" A 127.0.0.2"), d.watchBlockLists())
}

// clients are as many more of one kind as there are built-in ones, or five a second.
func (d *Demo) clients(kind client) func(context.Context) (func() error, error) {
	return func(context.Context) (func() error, error) {
		ctx, cancel := context.WithCancel(context.Background())
		var sending sync.WaitGroup
		sending.Go(func() { d.traffic.run(ctx, []client{kind}, max(d.config.Rate, 5)) })
		return func() error { cancel(); sending.Wait(); return nil }, nil
	}
}

var manyGuesses = client{"passwords guessed one after the other", (*traffic).guessMany}

// guessesPerSession is how many passwords a guesser tries before it comes anew.
const guessesPerSession = 5

// guessMany tries passwords of the one account over IMAP, and as many of accounts that there
// may be over POP3.
func (t *traffic) guessMany(ctx context.Context, n int) error {
	return errors.Join(t.imapGuessMany(ctx, n), t.popGuessMany(ctx, n))
}

func (t *traffic) imapGuessMany(ctx context.Context, n int) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // closes the connection
	c, err := t.imapConnect(ctx, false)
	if err != nil {
		return err
	}
	for i := range guessesPerSession {
		password := t.password + strconv.Itoa(n*guessesPerSession+i)
		if err := imapRefused(c.Login(t.user, password).Wait(), imap.ResponseCodeAuthenticationFailed); err != nil {
			return errors.Join(err, imapLeave(c))
		}
	}
	return imapLeave(c)
}

func (t *traffic) popGuessMany(ctx context.Context, n int) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // closes the connection
	c, err := t.popOpen(ctx)
	if err != nil {
		return err
	}
	for i := range guessesPerSession {
		if _, err := c.one(fmt.Sprintf("USER person%d", n*guessesPerSession+i)); err != nil {
			return err
		}
		if _, err := c.one("PASS " + t.password); !popRefused(err) {
			return fmt.Errorf("not refused for the password: %w", err)
		}
	}
	_, err = c.one("QUIT")
	return err
}
