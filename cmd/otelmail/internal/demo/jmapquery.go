package demo

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"
)

// queryArguments are those of Email/query (RFC 8620 section 5.5, RFC 8621
// section 4.4).
type queryArguments struct {
	AccountID string          `json:"accountId"`
	Filter    json.RawMessage `json:"filter"`
	Sort      []struct {
		Property    string `json:"property"`
		IsAscending *bool  `json:"isAscending"` // nil is true
		Collation   string `json:"collation"`
	} `json:"sort"`
	Position        int    `json:"position"` // negative: from the end
	Anchor          string `json:"anchor"`
	AnchorOffset    int    `json:"anchorOffset"`
	Limit           *int   `json:"limit"`
	CalculateTotal  bool   `json:"calculateTotal"`
	CollapseThreads bool   `json:"collapseThreads"` // changes nothing: every message is a thread
}

// emailFilter is what of a FilterCondition is offered.
type emailFilter struct {
	InMailbox string `json:"inMailbox"`
	Text      string `json:"text"`
}

// queryEmails is Email/query.
func (r *jmapReading) queryEmails(text json.RawMessage) (any, error) {
	var args queryArguments
	if err := unmarshalArguments(text, &args); err != nil {
		return nil, err
	}
	if err := r.checkAccount(args.AccountID); err != nil {
		return nil, err
	}
	if args.Limit != nil && *args.Limit < 0 {
		return nil, invalidArguments("limit is negative")
	}
	ascending, err := args.ascending()
	if err != nil {
		return nil, err
	}
	filter, err := args.filter()
	if err != nil {
		return nil, err
	}
	state := r.state()
	found, err := r.matching(filter)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(found, func(a, b foundEmail) int {
		if ascending {
			return a.compare(b)
		}
		return b.compare(a)
	})
	position, err := args.position(found)
	if err != nil {
		return nil, err
	}
	return args.response(state, found, position), nil
}

func (a *queryArguments) ascending() (bool, error) {
	switch {
	case len(a.Sort) == 0:
		return false, nil // the newest first
	case len(a.Sort) > 1 || a.Sort[0].Property != "receivedAt":
		return false, &methodError{"unsupportedSort", "want receivedAt alone"}
	}
	return a.Sort[0].IsAscending == nil || *a.Sort[0].IsAscending, nil
}

func (a *queryArguments) filter() (emailFilter, error) {
	var filter emailFilter
	if len(a.Filter) == 0 || string(a.Filter) == "null" {
		return filter, nil
	}
	if !isObject(a.Filter) {
		return filter, invalidArguments("the filter is no object")
	}
	if err := unmarshalArguments(a.Filter, &filter); err != nil {
		return filter, &methodError{"unsupportedFilter", "want a condition of inMailbox and text"}
	}
	return filter, nil
}

// foundEmail is a message that a query has found.
type foundEmail struct {
	emailID
	stored
}

func (f foundEmail) compare(g foundEmail) int {
	if c := f.received.Compare(g.received); c != 0 {
		return c
	}
	if c := int64(f.mailbox) - int64(g.mailbox); c != 0 {
		return int(c)
	}
	return int(int64(f.emailID.uid) - int64(g.emailID.uid))
}

// matching looks through one mailbox or through all of them.
func (r *jmapReading) matching(filter emailFilter) ([]foundEmail, error) {
	mailboxes, err := r.mailboxes()
	if err != nil {
		return nil, err
	}
	var found []foundEmail
	for id, status := range mailboxes {
		if filter.InMailbox != "" && filter.InMailbox != mailboxID(id) {
			continue
		}
		here, err := r.inMailbox(status.Mailbox, filter.Text)
		if gone(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, m := range here {
			found = append(found, foundEmail{emailID{id, m.uid}, m})
		}
	}
	return found, nil
}

func (r *jmapReading) inMailbox(name, text string) ([]stored, error) {
	reader, err := r.open(name)
	if err != nil || strings.TrimSpace(text) == "" {
		if err != nil {
			return nil, err
		}
		return reader.list()
	}
	uids, err := reader.search(text)
	if err != nil || len(uids) == 0 {
		return nil, err
	}
	return reader.fetch(uids, 0)
}

// position is where in the list the response begins.
func (a *queryArguments) position(found []foundEmail) (int, error) {
	position := a.Position
	if a.Anchor != "" {
		i := slices.IndexFunc(found, func(f foundEmail) bool { return f.String() == a.Anchor })
		if i < 0 {
			return 0, &methodError{Type: "anchorNotFound"}
		}
		return max(i+max(min(a.AnchorOffset, len(found)), -len(found)), 0), nil
	}
	if position < 0 {
		position += len(found)
	}
	return max(position, 0), nil
}

func (a *queryArguments) response(state string, found []foundEmail, position int) any {
	total := len(found)
	found = found[min(position, total):]
	if a.Limit != nil {
		found = found[:min(*a.Limit, len(found))]
	}
	ids := make([]string, len(found))
	for i, f := range found {
		ids[i] = f.String()
	}
	response := map[string]any{
		"accountId": a.AccountID, "queryState": state, "canCalculateChanges": false,
		"position": position, "ids": ids,
	}
	if a.CalculateTotal {
		response["total"] = total
	}
	return response
}

// emailID is the id of a message, of its blob and of its thread: its mailbox
// and its UID there, which belong to it for ever.
type emailID struct {
	mailbox uint32
	uid     imap.UID
}
