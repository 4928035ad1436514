package theme

// GraphKind is what graphs are drawn with.
type GraphKind uint8

// The kinds of graphs.
const (
	Dots   GraphKind = iota // braille: two columns and four rows of dots a cell
	Blocks                  // one column a cell, in the steps of Glyphs.Steps
)

// Box has the characters of a frame.
type Box struct{ TopLeft, TopRight, BottomLeft, BottomRight, Horizontal, Vertical string }

// Glyphs are the characters that shoal itself draws with. Each is one cell wide, Ellipsis and None included.
type Glyphs struct {
	Cursor, Mark                                    string // in front of the selected row, of a marked one
	Down, Up, Idle, Stopped, Error, Check           string // the states of a torrent
	Wait, Queued                                    string // two more: it waits for metadata, for its turn
	Done, Ellipsis, Infinity, None, Rule, Separator string // Done is a tick; None stands for what there is not

	Bar    []string  // the last cell of a bar, from empty to full
	Steps  []string  // a column of a graph, from the lowest that can be seen to full
	Shades [5]string // pieces of a map: none there, some, half, most, all
	Flight string    // pieces of which some are under way
	Graph  GraphKind
	Box    Box
}

var blockGlyphs = Glyphs{
	Cursor: "▌", Mark: "●", Down: "▼", Up: "▲", Idle: "·", Stopped: "‖", Error: "!", Check: "✓", Wait: "?", Queued: "○",
	Done: "✓", Ellipsis: "…", Infinity: "∞", None: "—", Rule: "─", Separator: "│",
	Bar: []string{" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"}, Steps: []string{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"},
	Shades: [5]string{"·", "░", "▒", "▓", "█"}, Flight: "▞", Graph: Blocks, Box: Box{"╭", "╮", "╰", "╯", "─", "│"},
}

var brailleGlyphs = func() Glyphs {
	g := blockGlyphs
	g.Graph = Dots
	return g
}()

var asciiGlyphs = Glyphs{
	Cursor: ">", Mark: "*", Down: "v", Up: "^", Idle: ".", Stopped: "=", Error: "!", Check: "c", Wait: "?", Queued: "w",
	Done: "+", Ellipsis: "~", Infinity: "-", None: "-", Rule: "-", Separator: "|",
	Bar: []string{" ", "#"}, Steps: []string{"_", ".", ":", "|", "#"},
	Shades: [5]string{".", "-", "+", "x", "#"}, Flight: "o", Graph: Blocks, Box: Box{"+", "+", "+", "+", "-", "|"},
}

// Braille returns the full set: graphs of braille dots, everything else of blocks.
func Braille() *Glyphs { return &brailleGlyphs }

// Block returns the set for fonts that have no braille.
func Block() *Glyphs { return &blockGlyphs }

// ASCII returns the set for terminals that are not known to draw more.
func ASCII() *Glyphs { return &asciiGlyphs }
