package otelmail

import (
	"context"
	"fmt"

	"github.com/rusmes/otelmail/catalog"
	"github.com/rusmes/otelmail/internal/machine"
	"github.com/rusmes/otelmail/internal/settings"
)

var (
	diskFree = define(catalog.Metric{
		Name: "disk_free_ratio", Kind: catalog.Gauge, Unit: "1", Fleet: catalog.Min,
		Help:   "The free share of the file system that a path lies on, 0 to 1, as far as the server may use it",
		Rise:   "Space was freed. A fall is what matters: below 0.1 act today; at 0 mail is refused with 452 and clients try again. See " + storageBytes.Name + " and " + queueSize.Name + " for what grows.",
		Labels: []catalog.Label{{Key: "path", Help: "The name that the application watches the path under: at most 50"}},
	})
	inodesFree = define(catalog.Metric{
		Name: "inode_free_ratio", Kind: catalog.Gauge, Unit: "1", Fleet: catalog.Min,
		Help:   "The free share of the inodes of the file system that a path lies on, 0 to 1; absent where a file system has no fixed number of them",
		Rise:   "Files were removed. A fall to 0 is a full disk although there is space: one file for each message, or a spool of many small ones.",
		Labels: []catalog.Label{{Key: "path", Help: "The name that the application watches the path under: at most 50"}},
	})
)

func bindDisks(b *binder) *named[machine.Free] {
	n := &named[machine.Free]{what: "the disk's name"}
	b.fraction(diskFree, func(observe func(float64, labelSet)) {
		n.each(func(d machine.Free, labels labelSet) { observe(d.Space, labels) })
	})
	b.fraction(inodesFree, func(observe func(float64, labelSet)) {
		n.each(func(d machine.Free, labels labelSet) {
			if !d.NoInodes {
				observe(d.Inodes, labels)
			}
		})
	})
	return n
}

// WatchDisk shows how much is free of the file system that path lies on: disk_free_ratio
// and inode_free_ratio under the given name. It is asked once a minute, in the background. The
// same name again replaces what was watched. An error names the argument that is wrong, or
// is [errors.ErrUnsupported] on systems other than Linux and macOS; what goes wrong later,
// such as a path that is gone, goes to the error handler.
func (h *Host) WatchDisk(name, path string) error {
	h = orEmpty(h)
	if h.sources == nil {
		return nil
	}
	if path == "" {
		return fmt.Errorf("otelmail: %w", settings.Invalid("WatchDisk "+name, "", "a path"))
	}
	if machine.ErrNoDisks != nil {
		return fmt.Errorf("otelmail: watch a disk: %w", machine.ErrNoDisks)
	}
	if err := h.disks.add(diskFree.Labels[0].Key, name); err != nil {
		return fmt.Errorf("otelmail: watch a disk: %w", err)
	}
	h.sources.poll(diskFree, name, sourceEvery, func(context.Context) error {
		d, err := machine.Disk(path)
		if err == nil {
			h.disks.set(name, d)
		}
		return err
	})
	return nil
}
