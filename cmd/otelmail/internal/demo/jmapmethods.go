package demo

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/emersion/go-imap/v2"
)

// jmapMethods are the methods that are offered, with the capability that a
// request has to name for them.
var jmapMethods = map[string]struct {
	capability string
	run        func(r *jmapReading, args json.RawMessage) (any, error)
}{
	"Core/echo":   {jmapCore, func(_ *jmapReading, args json.RawMessage) (any, error) { return args, nil }},
	"Mailbox/get": {jmapMail, (*jmapReading).getMailboxes},
	"Email/query": {jmapMail, (*jmapReading).queryEmails},
	"Email/get":   {jmapMail, (*jmapReading).getEmails},
}

// jmapReading is what the calls of one request read the store with.
type jmapReading struct {
	server *jmapServer
	reader *mailReader // nil until it is needed
}

func (r *jmapReading) close() {
	if r.reader != nil {
		r.reader.close()
	}
}

// open opens a mailbox of the store.
func (r *jmapReading) open(mailbox string) (*mailReader, error) {
	if r.reader == nil {
		reader, err := r.server.store.read()
		if err != nil {
			return nil, err
		}
		r.reader = reader
	}
	return r.reader, r.reader.open(mailbox)
}

func (r *jmapReading) checkAccount(id string) error {
	if id != r.server.accountID() {
		return &methodError{Type: "accountNotFound"}
	}
	return nil
}

// state changes whenever anything in the store does: clients then ask again.
func (r *jmapReading) state() string {
	return strconv.FormatInt(r.server.store.changes.Load(), 10)
}

// getArguments are those of every /get (RFC 8620 section 5.1).
type getArguments struct {
	AccountID  string    `json:"accountId"`
	IDs        *[]string `json:"ids"` // nil: all
	Properties *[]string `json:"properties"`
}

// got is the response of every /get.
type got struct {
	AccountID string           `json:"accountId"`
	State     string           `json:"state"`
	List      []map[string]any `json:"list"`
	NotFound  []string         `json:"notFound"`
}

func (a *getArguments) check(r *jmapReading, known []string) error {
	if err := r.checkAccount(a.AccountID); err != nil {
		return err
	}
	if a.IDs != nil && len(*a.IDs) > jmapObjects {
		return &methodError{"requestTooLarge", fmt.Sprintf("at most %d objects at once", jmapObjects)}
	}
	if a.Properties != nil {
		for _, name := range *a.Properties {
			if !slices.Contains(known, name) {
				return invalidArguments("%.50q is not a property that is offered", name)
			}
		}
	}
	return nil
}

// pick leaves of an object what was asked for; the id always stays.
func (a *getArguments) pick(object map[string]any) map[string]any {
	if a.Properties == nil {
		return object
	}
	picked := map[string]any{"id": object["id"]}
	for _, name := range *a.Properties {
		if value, ok := object[name]; ok {
			picked[name] = value
		}
	}
	return picked
}

var mailboxProperties = []string{
	"id", "name", "parentId", "role", "sortOrder", "totalEmails", "unreadEmails",
	"totalThreads", "unreadThreads", "myRights", "isSubscribed",
}

// mailboxes returns the names of all mailboxes by their id. That is the
// UIDVALIDITY: it stays the same when a mailbox is renamed.
func (r *jmapReading) mailboxes() (map[uint32]*imap.StatusData, error) {
	found := map[uint32]*imap.StatusData{}
	for _, name := range r.server.store.mailboxNames() {
		status, err := r.server.store.user.Status(name, &imap.StatusOptions{UIDValidity: true, NumMessages: true, NumUnseen: true})
		if gone(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("mail store: status: %w", err)
		}
		found[status.UIDValidity] = status
	}
	return found, nil
}

// gone reports whether a mailbox was deleted since its name was read.
func gone(err error) bool {
	e, ok := errors.AsType[*imap.Error](err)
	return ok && e.Code == imap.ResponseCodeNonExistent
}

// getMailboxes is Mailbox/get (RFC 8621 section 2.1).
func (r *jmapReading) getMailboxes(text json.RawMessage) (any, error) {
	var args getArguments
	if err := unmarshalArguments(text, &args); err != nil {
		return nil, err
	}
	if err := args.check(r, mailboxProperties); err != nil {
		return nil, err
	}
	state := r.state() // before reading: what changes meanwhile is then asked for again
	all, err := r.mailboxes()
	if err != nil {
		return nil, err
	}
	byID, byName := map[string]*imap.StatusData{}, map[string]string{}
	var ids []string
	for id, status := range all {
		byID[mailboxID(id)], byName[status.Mailbox] = status, mailboxID(id)
		ids = append(ids, mailboxID(id))
	}
	slices.Sort(ids)
	if args.IDs != nil {
		ids = *args.IDs
	}
	response := got{AccountID: args.AccountID, State: state, List: []map[string]any{}, NotFound: []string{}}
	for _, id := range ids {
		if status, ok := byID[id]; ok {
			response.List = append(response.List, args.pick(mailboxObject(id, status, byName)))
		} else {
			response.NotFound = append(response.NotFound, id)
		}
	}
	return response, nil
}

func mailboxID(uidValidity uint32) string { return "m" + strconv.FormatUint(uint64(uidValidity), 10) }

// mailboxRoles are those of RFC 8621 section 2 that the demo's mailboxes have.
var mailboxRoles = map[string]string{
	inbox: "inbox", "Archive": "archive", "Drafts": "drafts", "Junk": "junk", "Sent": "sent", "Trash": "trash",
}

func mailboxObject(id string, status *imap.StatusData, byName map[string]string) map[string]any {
	parent, name, nested := cutLast(status.Mailbox, "/")
	if !nested {
		name = status.Mailbox
	}
	object := map[string]any{
		"id": id, "name": name, "parentId": nil, "role": nil, "sortOrder": 0, "isSubscribed": true,
		"totalEmails": *status.NumMessages, "unreadEmails": *status.NumUnseen,
		// Every message is a thread of its own.
		"totalThreads": *status.NumMessages, "unreadThreads": *status.NumUnseen,
		"myRights": map[string]bool{
			"mayReadItems": true, "mayAddItems": false, "mayRemoveItems": false, "maySetSeen": false, "maySetKeywords": false,
			"mayCreateChild": false, "mayRename": false, "mayDelete": false, "maySubmit": false,
		},
	}
	for nested { // IMAP allows a/b without a
		if above, ok := byName[parent]; ok {
			object["parentId"] = above
			break
		}
		var last string
		parent, last, nested = cutLast(parent, "/")
		if !nested {
			last = parent
		}
		object["name"] = last + "/" + name
		name = last + "/" + name
	}
	if role, ok := mailboxRoles[status.Mailbox]; ok {
		object["role"] = role
	}
	if strings.EqualFold(status.Mailbox, inbox) {
		object["name"] = "Inbox"
	}
	return object
}
