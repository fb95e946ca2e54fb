package registry

import (
	"errors"
	"fmt"
	"io/fs"

	"go.yaml.in/yaml/v2"
)

// Read reads the registry of a folder. A field that the format does not have is an error.
func Read(dir fs.FS) (*Registry, error) {
	r := &Registry{Files: map[string]File{}}
	names, err := fs.Glob(dir, "*.yaml")
	if err != nil {
		return nil, fmt.Errorf("list the files of the registry: %w", err)
	}
	var errs []error
	for _, name := range names {
		text, err := fs.ReadFile(dir, name)
		if err != nil {
			return nil, fmt.Errorf("read the registry: %w", err)
		}
		var file File
		if name == manifestFile {
			err = yaml.UnmarshalStrict(text, &r.Manifest)
		} else if err = yaml.UnmarshalStrict(text, &file); err == nil {
			r.Files[name] = file
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	return r, errors.Join(errs...)
}
