package app

import (
	"fmt"

	"shoal/internal/text"
	"shoal/status"
	"shoal/tui/draw"
)

// filesUnknown reports whether all that is known of a torrent is its link. What failed says that instead.
func filesUnknown(e *status.Entry) bool {
	return e.Phase == status.Metadata || e.Pieces == 0 && e.Files == 0 && e.Phase != status.Failed
}

// magnetWord says in at most w cells what is tried for a magnet link whose files are not known, or what it waits for.
func (m *Model) magnetWord(e *status.Entry, w int) string {
	words := m.magnetWords(e)
	for _, s := range words {
		if draw.Width(s) <= w {
			return s
		}
	}
	return words[len(words)-1]
}

// magnetWords says it at length, shorter, and in two words.
func (m *Model) magnetWords(e *status.Entry) []string {
	switch e.State() {
	case "stopped":
		return []string{"paused; its files are not known yet", "paused, no file list", "no file list"}
	case "waiting":
		return []string{"queued; its files are not known yet", "queued, no file list", "no file list"}
	}
	switch {
	case e.Metadata > 0 && e.MetadataHave > 0:
		part := fmt.Sprintf("%d of %s", e.MetadataHave, text.Count(e.Metadata, "part"))
		return []string{"file list: " + part + " from " + text.Count(e.Peers, "peer"), "file list: " + part, "list: " + part, "has a part"}
	case e.Peers > 0:
		n := text.Count(e.Peers, "peer")
		return []string{"asking " + n + " for the file list", "asking " + n, "asking peers"}
	case e.Dialing > 0:
		known := fmt.Sprintf("%d of %s", e.Dialing, text.Count(e.Dialing+max(e.Candidates, 0), "known peer"))
		return []string{"connecting to " + known, "connecting to " + text.Count(e.Dialing, "peer"), "connecting"}
	case e.Candidates > 0:
		return []string{text.Count(e.Candidates, "known peer") + " did not answer yet", text.Count(e.Candidates, "silent peer"), "silent peers"}
	}
	return m.lookingWords(e)
}

// lookingWords says where peers are looked for that are not known yet.
func (m *Model) lookingWords(e *status.Entry) []string {
	set := &m.seen.rare.settings
	trackers := len(e.Trackers) > 0 || len(set.Trackers) > 0
	// Another program tells what is set; before the first answer nothing is known, and a DHT is usual.
	dht := len(m.seen.stats.stats.DHT) > 0 || set.DHT && m.limited() || set.Kind == ""
	switch {
	case trackers && dht:
		return []string{"looking for peers: trackers and DHT", "looking: trackers, DHT", "looking"}
	case trackers:
		return []string{"looking for peers: trackers", "looking: trackers", "looking"}
	case dht:
		return []string{"looking for peers: DHT", "looking: DHT", "looking"}
	case set.LSD:
		return []string{"looking in the local network only", "looking: local network", "looking"}
	}
	return []string{"waits for a peer: no tracker, no DHT", "no tracker, no DHT: waits", "waits"}
}
