package otelimap

import (
	"reflect"

	"github.com/emersion/go-imap/v2/imapserver"
)

// lsubField is where a ListWriter notes that the command is LSUB. Only that
// tells it from LIST (SUBSCRIBED); if the field is gone, LSUB counts as LIST.
var lsubField = func() int {
	f, ok := reflect.TypeFor[imapserver.ListWriter]().FieldByName("lsub")
	if !ok || f.Type.Kind() != reflect.Bool || len(f.Index) != 1 {
		return -1
	}
	return f.Index[0]
}()

func isLsub(w *imapserver.ListWriter) bool {
	return w != nil && lsubField >= 0 && reflect.ValueOf(w).Elem().Field(lsubField).Bool()
}
