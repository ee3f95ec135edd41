package install

import (
	"context"
	"path"
	"path/filepath"
	"strings"
	"time"

	"fastman/internal/run"
)

const gitTimeout = 10 * time.Second

// git asks the project's repository something; ok is false where there is none.
func git(root string, args ...string) (out string, ok bool) {
	result, err := run.Run(context.Background(), run.Spec{Args: append([]string{"git", "-C", root}, args...), Timeout: gitTimeout,
		Env: []string{"GIT_OPTIONAL_LOCKS=0"}})
	return string(result.Stdout), err == nil
}

// committed reports whether the newest commit holds a file as it is.
func committed(root, file string) bool {
	path := filepath.FromSlash(file)
	_, tracked := git(root, "ls-files", "--error-unmatch", "--", path)
	_, same := git(root, "diff", "--quiet", "HEAD", "--", path)
	return tracked && same
}

// noteDirty names the files whose changes are in no commit: whoever looks at a diff
// later should know which changes are fastman's.
func (r *recipe) noteDirty(context.Context) error {
	out, ok := git(r.root, "status", "--porcelain", "-z", "--no-renames", "--untracked-files=no", "--", ".")
	if !ok || out == "" {
		return nil
	}
	const most = 8
	var files []string
	for entry := range strings.SplitSeq(strings.Trim(out, "\x00"), "\x00") {
		if len(entry) > 3 && !r.isOwn(entry[3:]) {
			files = append(files, entry[3:])
		}
	}
	switch {
	case len(files) == 0:
		return nil
	case len(files) > most:
		files = append(files[:most], "…")
	}
	r.report.note("the git tree has changes that are in no commit: " + strings.Join(files, ", "))
	return nil
}

// isOwn reports whether a file is as fastman left it: what changed there is known.
func (r *recipe) isOwn(file string) bool {
	content, err := r.onDisk(file)
	if err != nil || content == nil {
		return err == nil && r.was().Files[file].Hash != ""
	}
	return path.Dir(file) == path.Dir(manifestPath) || hash(content) == r.was().Files[file].Hash || r.asLeft(file, content, r.was().Edits[file])
}
