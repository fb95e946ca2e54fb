package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/mod/semver"
)

// repository is the git repository at root.
type repository struct{ root string }

// git runs one git command and returns what it wrote, without the last line break.
func (r repository) git(ctx context.Context, env []string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = r.root
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w: %s", err, strings.TrimSpace(string(exit.Stderr)))
		}
		return "", fmt.Errorf("git %s: %w", args[0], err)
	}
	return strings.TrimSuffix(string(out), "\n"), nil
}

// lastTags are the highest version of the root module that is tagged, and the
// highest that is no pre-release; "" for none.
func (r repository) lastTags(ctx context.Context) (last, released string, err error) {
	tags, err := r.git(ctx, nil, "tag", "--list", "v*")
	if err != nil {
		return "", "", err
	}
	for tag := range strings.SplitSeq(tags, "\n") {
		if semver.Compare(tag, last) > 0 { // what is no version is below all that are
			last = tag
		}
		if semver.Prerelease(tag) == "" && semver.Compare(tag, released) > 0 {
			released = tag
		}
	}
	return last, released, nil
}

func (r repository) checkClean(ctx context.Context) error {
	changed, err := r.git(ctx, nil, "status", "--porcelain")
	if err == nil && changed != "" {
		err = fmt.Errorf("the work tree has changes that are not committed:\n%s", changed)
	}
	return err
}

// copyTo copies the work tree as it is, without what git ignores.
func (r repository) copyTo(ctx context.Context, dir string) error {
	files, err := r.git(ctx, nil, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	if err != nil {
		return err
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(files, "\x00"), "\x00") {
		info, err := os.Lstat(filepath.Join(r.root, name))
		if errors.Is(err, os.ErrNotExist) { // deleted, and not yet committed
			continue
		}
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			return fmt.Errorf("%s is no regular file; a module cannot hold it", name)
		}
		content, err := os.ReadFile(filepath.Join(r.root, name))
		if err != nil {
			return err
		}
		to := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(to, content, info.Mode().Perm()); err != nil {
			return err
		}
	}
	return nil
}

// checkOut writes the files of a commit to dir.
func (r repository) checkOut(ctx context.Context, commit, dir string) error {
	index := []string{"GIT_INDEX_FILE=" + dir + ".index"}
	if _, err := r.git(ctx, index, "read-tree", commit); err != nil {
		return err
	}
	_, err := r.git(ctx, index, "checkout-index", "--all", "--prefix="+filepath.ToSlash(dir)+"/")
	return err
}

// tag commits the tree on top of HEAD and tags that commit for every module. The
// branch does not move: there the modules go on replacing each other.
func (r repository) tag(ctx context.Context, tree string, modules []published, version string) (string, error) {
	env := []string{"GIT_INDEX_FILE=" + tree + ".index"}
	if _, err := r.git(ctx, env, "read-tree", "HEAD"); err != nil {
		return "", err
	}
	if _, err := r.git(ctx, env, "--work-tree="+tree, "add", "--all", ":/"); err != nil {
		return "", err
	}
	written, err := r.git(ctx, env, "write-tree")
	if err != nil {
		return "", err
	}
	commit, err := r.git(ctx, nil, "commit-tree", written, "-p", "HEAD", "-m",
		version+"\n\nThe modules require each other at this version, and replace nothing.")
	if err != nil {
		return "", err
	}
	for _, m := range modules {
		if _, err := r.git(ctx, nil, "tag", "--annotate", "-m", m.path+" "+version, m.tag(version), commit); err != nil {
			return "", err
		}
	}
	return commit, nil
}
