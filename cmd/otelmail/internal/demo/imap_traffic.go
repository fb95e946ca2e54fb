package demo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// The local user over IMAP: in plaintext, which is allowed on this machine, and
// over STARTTLS.

// imapRead looks at what is new, and marks the newest message as seen.
func (t *traffic) imapRead(ctx context.Context, _ int) error {
	return t.imapSession(ctx, false, func(c *imapclient.Client) error {
		if _, err := c.List("", "*", nil).Collect(); err != nil {
			return err
		}
		selected, err := c.Select(inbox, nil).Wait()
		if err != nil {
			return err
		}
		if _, err := c.Search(&imap.SearchCriteria{NotFlag: []imap.Flag{imap.FlagSeen}}, nil).Wait(); err != nil {
			return err
		}
		newest := selected.NumMessages
		if newest == 0 {
			return nil
		}
		messages := imap.SeqSet{{Start: max(newest, 5) - 4, Stop: newest}}
		if _, err := c.Fetch(messages, &imap.FetchOptions{Envelope: true, Flags: true, RFC822Size: true}).Collect(); err != nil {
			return err
		}
		seen := &imap.StoreFlags{Op: imap.StoreFlagsAdd, Flags: []imap.Flag{imap.FlagSeen}}
		return c.Store(imap.SeqSetNum(newest), seen, nil).Close()
	})
}

const imapIdle = 500 * time.Millisecond

// imapWait waits for new mail for a moment, over STARTTLS.
func (t *traffic) imapWait(ctx context.Context, _ int) error {
	return t.imapSession(ctx, true, func(c *imapclient.Client) error {
		if _, err := c.Select(inbox, nil).Wait(); err != nil {
			return err
		}
		idle, err := c.Idle()
		if err != nil {
			return err
		}
		select {
		case <-time.After(imapIdle):
		case <-ctx.Done():
		}
		return errors.Join(idle.Close(), idle.Wait())
	})
}

// imapFile makes a mailbox, files a message there, and tidies up.
func (t *traffic) imapFile(ctx context.Context, n int) error {
	return t.imapSession(ctx, false, func(c *imapclient.Client) error {
		name := fmt.Sprintf("Project %d", n)
		if err := c.Create(name, nil).Wait(); err != nil {
			return err
		}
		note := letter(n, t.own(), t.own(), "Not to be forgotten.")
		appending := c.Append(name, int64(len(note)), nil)
		_, err := appending.Write(note)
		if err = errors.Join(err, appending.Close()); err != nil {
			return err
		}
		if _, err := appending.Wait(); err != nil {
			return err
		}
		return c.Delete(name).Wait()
	})
}

// imapMissing looks for a mailbox that is not there.
func (t *traffic) imapMissing(ctx context.Context, _ int) error {
	return t.imapSession(ctx, false, func(c *imapclient.Client) error {
		_, err := c.Select("Holidays", nil).Wait()
		return imapRefused(err, imap.ResponseCodeNonExistent)
	})
}

// imapGuess tries a password that is wrong.
func (t *traffic) imapGuess(ctx context.Context, _ int) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // closes the connection
	c, err := t.imapConnect(ctx, false)
	if err != nil {
		return err
	}
	err = imapRefused(c.Login(t.user, t.password+"?").Wait(), imap.ResponseCodeAuthenticationFailed)
	return errors.Join(err, imapLeave(c))
}

// imapSession logs in, does its work and logs out.
func (t *traffic) imapSession(ctx context.Context, startTLS bool, work func(*imapclient.Client) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // closes the connection
	c, err := t.imapConnect(ctx, startTLS)
	if err != nil {
		return err
	}
	err = c.Login(t.user, t.password).Wait()
	if err == nil {
		err = work(c)
	}
	return errors.Join(err, imapLeave(c))
}

func (t *traffic) imapConnect(ctx context.Context, startTLS bool) (*imapclient.Client, error) {
	conn, err := dial(ctx, t.imap)
	if err != nil {
		return nil, err
	}
	if startTLS {
		c, err := imapclient.NewStartTLS(conn, &imapclient.Options{TLSConfig: unverified})
		if err == nil {
			c.Caps() // asked for by the client itself, sooner or later: have it now
		}
		return c, err
	}
	c := imapclient.New(conn, nil)
	return c, c.WaitGreeting()
}

// imapLeave logs out. What Close says after that is no news.
func imapLeave(c *imapclient.Client) error {
	err := c.Logout().Wait()
	_ = c.Close()
	return err
}

// imapRefused turns an error into nil when it is the NO that was to come.
func imapRefused(err error, code imap.ResponseCode) error {
	if refusal, ok := errors.AsType[*imap.Error](err); ok && refusal.Type == imap.StatusResponseTypeNo && refusal.Code == code {
		return nil
	}
	return fmt.Errorf("not refused with %s: %w", code, err)
}
