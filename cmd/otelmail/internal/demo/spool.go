package demo

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// spool keeps the queue on disk: <id>.eml is a message as it came, <id>.json
// its item. The item is written last and removed first, so that a message
// exists exactly as long as its item does.
type spool struct {
	dir       string
	temporary bool
}

const (
	messageSuffix = ".eml"
	itemSuffix    = ".json"
	partSuffix    = ".part" // being written: left by a crash, and worth nothing
)

// openSpool makes the directory if need be; an empty name is a temporary one.
func openSpool(dir string) (*spool, error) {
	if dir == "" {
		dir, err := os.MkdirTemp("", "otelmail-demo-")
		if err != nil {
			return nil, fmt.Errorf("make a temporary spool: %w", err)
		}
		return &spool{dir: dir, temporary: true}, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("--spool %s: %w", dir, err)
	}
	return &spool{dir: dir}, nil
}

// close removes a temporary spool.
func (s *spool) close() error {
	if !s.temporary {
		return nil
	}
	if err := os.RemoveAll(s.dir); err != nil {
		return fmt.Errorf("remove the temporary spool: %w", err)
	}
	return nil
}

// add stores a message. When it returns nil the message survives a power cut.
func (s *spool) add(it *item, message []byte) error {
	if err := s.write(it.ID+messageSuffix, message); err != nil {
		return err
	}
	if err := s.update(it); err != nil {
		return errors.Join(err, s.remove(it.ID))
	}
	return nil
}

// update stores what has changed of the item.
func (s *spool) update(it *item) error {
	text, err := json.MarshalIndent(it, "", "  ")
	if err != nil {
		return fmt.Errorf("spool %s: %w", it.ID, err)
	}
	if err := s.write(it.ID+itemSuffix, append(text, '\n')); err != nil {
		return err
	}
	return s.syncDir()
}

// message reads a message's text.
func (s *spool) message(id string) ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(s.dir, id+messageSuffix))
	if err != nil {
		return nil, fmt.Errorf("spool: %w", err)
	}
	return text, nil
}

// remove forgets a message. A power cut may bring it back: delivering twice is
// the lesser evil.
func (s *spool) remove(id string) error {
	return errors.Join(s.removeFile(id+itemSuffix), s.removeFile(id+messageSuffix))
}

// load returns the items of an earlier run, and clears away what a crash left.
func (s *spool) load() ([]*item, error) {
	files, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("spool: %w", err)
	}
	var items []*item
	known := map[string]bool{}
	for _, f := range files {
		if id, ok := strings.CutSuffix(f.Name(), itemSuffix); ok {
			it, err := s.loadItem(id)
			if err != nil {
				return nil, err
			}
			items = append(items, it)
			known[id] = true
		}
	}
	for _, f := range files {
		id, isMessage := strings.CutSuffix(f.Name(), messageSuffix)
		if isMessage && !known[id] || strings.HasSuffix(f.Name(), partSuffix) {
			if err := s.removeFile(f.Name()); err != nil {
				return nil, err
			}
		}
	}
	return items, nil
}

func (s *spool) loadItem(id string) (*item, error) {
	name := filepath.Join(s.dir, id+itemSuffix)
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("spool: %w", err)
	}
	it := &item{}
	if err := json.Unmarshal(text, it); err != nil {
		return nil, fmt.Errorf("spool: %s is damaged: move it away: %w", name, err)
	}
	if it.ID != id || len(it.Recipients) == 0 {
		return nil, fmt.Errorf("spool: %s is damaged: move it away: want the item %s with recipients", name, id)
	}
	if _, err := os.Stat(filepath.Join(s.dir, id+messageSuffix)); err != nil {
		return nil, fmt.Errorf("spool: %s has no message: move it away: %w", name, err)
	}
	return it, nil
}

// write makes a file appear whole or not at all.
func (s *spool) write(name string, content []byte) error {
	final := filepath.Join(s.dir, name)
	if err := writeSynced(final+partSuffix, content); err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	if err := os.Rename(final+partSuffix, final); err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	return nil
}

func writeSynced(name string, content []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// syncDir makes the names of new files as durable as their content.
func (s *spool) syncDir() error {
	if runtime.GOOS == "windows" {
		return nil // a directory cannot be synced there, nor has to be
	}
	d, err := os.Open(s.dir)
	if err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	err = d.Sync()
	if err = errors.Join(err, d.Close()); err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	return nil
}

func (s *spool) removeFile(name string) error {
	err := os.Remove(filepath.Join(s.dir, name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("spool: %w", err)
	}
	return nil
}
