package metainfo

import "fmt"

// maxWarnings bounds what a hostile torrent can make us say.
const maxWarnings = 50

// warnings collects what was tolerated, at most maxWarnings lines and a count of the rest.
type warnings struct {
	lines []string
	sums  []string
	more  int
}

func (w *warnings) addf(format string, args ...any) {
	if len(w.lines) == maxWarnings {
		w.more++
		return
	}
	w.lines = append(w.lines, fmt.Sprintf(format, args...))
}

// sumf adds a line that sums up and that is kept in any case; there are only a few kinds.
func (w *warnings) sumf(format string, args ...any) {
	w.sums = append(w.sums, fmt.Sprintf(format, args...))
}

func (w *warnings) all() []string {
	all := append(w.lines, w.sums...)
	if w.more > 0 {
		all = append(all, fmt.Sprintf("and %d more warnings", w.more))
	}
	return all
}

// invalid makes an error that wraps ErrInvalid.
func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrInvalid, fmt.Errorf(format, args...))
}

// short quotes foreign text for a message, cut to a readable length.
func short[S ~string | ~[]byte](s S) string {
	if len(s) > 100 {
		return fmt.Sprintf("%q...", s[:100])
	}
	return fmt.Sprintf("%q", s)
}
