// Release checks that a version of the modules in this repository can be
// released, and makes its tags. RELEASING.md says when and how.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
)

func main() {
	root := flag.String("root", ".", "the repository's top `directory`")
	version := flag.String("version", "", "the `version` to release, such as v1.2.3")
	tag := flag.Bool("tag", false, "make the commit and the tags, instead of saying what they would be")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := release(ctx, os.Stdout, *root, *version, *tag); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// release checks everything before it changes anything, and names all that is
// wrong at once.
func release(ctx context.Context, out io.Writer, root, version string, tag bool) error {
	root, err := filepath.Abs(root)
	if err != nil {
		return err
	}
	repo := repository{root}
	last, released, err := repo.lastTags(ctx)
	if err != nil {
		return err
	}
	if err := checkVersion(version, last); err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "release")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	tree := filepath.Join(work, "tree")
	if err := repo.copyTo(ctx, tree); err != nil {
		return fmt.Errorf("copy the work tree: %w", err)
	}
	modules, err := findModules(tree)
	if err != nil {
		return err
	}
	title, changes, err := changesIn(tree, version)
	if err == nil {
		err = checkChangelog(title, changes, tag)
	}
	problems := errors.Join(
		checkConstant(tree, version),
		err,
		repo.checkAPI(ctx, out, modules, released, version, changes, work),
		checkDeprecations(tree, modules),
		repo.checkConventions(ctx, released, version),
	)
	if tag {
		problems = errors.Join(problems, repo.checkClean(ctx))
	}
	if problems != nil {
		return problems
	}
	if err := prepare(tree, filepath.Join(work, "proxy"), modules, version); err != nil {
		return err
	}
	if !tag {
		fmt.Fprintf(out, "%s can be released; nothing was changed. The tags would be:\n", version)
		for _, m := range modules {
			fmt.Fprintln(out, " ", m.tag(version))
		}
		return nil
	}
	commit, err := repo.tag(ctx, tree, modules, version)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "Commit %s has the tags of %s. To publish them:\n  git push --atomic origin", commit, version)
	for _, m := range modules {
		fmt.Fprint(out, " ", m.tag(version))
	}
	fmt.Fprintln(out)
	return nil
}
