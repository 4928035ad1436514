package status

// State is what a torrent does in one word, for people and filters: error, checking, moving, stopped, waiting, metadata, downloading,
// partial, seeding or opening.
func (e *Entry) State() string {
	switch {
	case e.Phase == Failed:
		return "error"
	case e.Phase == Checking, e.Verifying:
		return "checking"
	case e.Phase == Moving:
		return "moving"
	case e.Stopped:
		return "stopped"
	case e.Waiting:
		return "waiting"
	case e.Phase == Paused:
		return "stopped"
	}
	return e.Phase.String()
}

// Complete reports whether everything wanted is there. Of a magnet link without metadata nothing is.
func (e *Entry) Complete() bool { return e.Pieces > 0 && e.Have >= e.Wanted }
