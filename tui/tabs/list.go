package tabs

import "shoal/tui/keys"

// list is a cursor over rows of which some are seen.
type list struct {
	cursor, top int
	page        int // rows that were seen the last time
}

// move carries out an action that moves the cursor over n rows, and reports whether it is one.
func (l *list) move(a keys.Action, n int) bool {
	page := max(l.page-1, 1)
	switch a {
	case keys.MoveDown:
		l.cursor++
	case keys.MoveUp:
		l.cursor--
	case keys.Top:
		l.cursor = 0
	case keys.Bottom:
		l.cursor = n - 1
	case keys.PageDown:
		l.cursor += page
	case keys.PageUp:
		l.cursor -= page
	default:
		return false
	}
	l.clamp(n)
	return true
}

func (l *list) clamp(n int) { l.cursor = max(min(l.cursor, n-1), 0) }

// see brings the cursor into the h rows that are seen, leaving no empty ones below the last.
func (l *list) see(n, h int) {
	l.clamp(n)
	l.page = h
	l.top = max(min(l.top, l.cursor, n-h), l.cursor-h+1, 0)
}
