package keys

// entry is one action.
type entry struct {
	action Action
	where  set
	keys   []string // as Bubble Tea calls them; the first one is in the hints
	says   string   // what it does, for the help
	hint   string   // in a word for the foot of the screen; "" keeps it out; neighbours of the same word share a hint
	group  string   // the heading in the help
}

// The groups of the help.
const (
	moving    = "Moving"
	finding   = "Finding"
	torrents  = "Torrents"
	files     = "Files"
	answering = "Dialogs and lines"
	window    = "Window"
)

// groups are all of them, in the order of the help.
var groups = []string{moving, finding, torrents, files, answering, window}

// The actions.
const (
	MoveDown   Action = "down"
	MoveUp     Action = "up"
	Top        Action = "top"
	Bottom     Action = "bottom"
	PageDown   Action = "page-down"
	PageUp     Action = "page-up"
	Open       Action = "open"
	Back       Action = "back"
	Quit       Action = "quit"
	NextTab    Action = "next-tab"
	PrevTab    Action = "prev-tab"
	Pick1      Action = "pick-1"
	Pick2      Action = "pick-2"
	Pick3      Action = "pick-3"
	Pick4      Action = "pick-4"
	Pick5      Action = "pick-5"
	OpenFiles  Action = "files"
	Mark       Action = "mark"
	MarkRange  Action = "mark-range"
	MarkInvert Action = "mark-invert"
	Filter     Action = "filter"
	NextMatch  Action = "next-match"
	PrevMatch  Action = "prev-match"
	Sort       Action = "sort"
	Reverse    Action = "reverse"
	Pause      Action = "pause"
	PauseAll   Action = "pause-all"
	Add        Action = "add"
	Paste      Action = "paste"
	Remove     Action = "remove"
	RemoveData Action = "remove-data"
	Undo       Action = "undo"
	Verify     Action = "verify"
	Reannounce Action = "reannounce"
	Move       Action = "move"
	Rename     Action = "rename"
	Labels     Action = "labels"
	QueueDown  Action = "queue-down"
	QueueUp    Action = "queue-up"
	Raise      Action = "raise"
	Lower      Action = "lower"
	DownLess   Action = "limit-down-less"
	DownMore   Action = "limit-down-more"
	UpLess     Action = "limit-up-less"
	UpMore     Action = "limit-up-more"
	AltLimits  Action = "alt-limits"
	CopyMagnet Action = "copy-magnet"
	OpenFolder Action = "open-folder"
	Want       Action = "want"
	Accept     Action = "accept"
	Confirm    Action = "confirm"
	Cancel     Action = "cancel"
	Refuse     Action = "refuse"
	NextChoice Action = "next-choice"
	PrevChoice Action = "prev-choice"
	Complete   Action = "complete"
	Older      Action = "older"
	Newer      Action = "newer"
	Command    Action = "command"
	Help       Action = "help"
	Zoom       Action = "zoom"
	Theme      Action = "theme"
	Mouse      Action = "mouse"
	Redraw     Action = "redraw"
	Suspend    Action = "suspend"
	Exit       Action = "exit"
)

// table has every action, in the order of the help and of the hints.
var table = []entry{
	{MoveDown, main, []string{"j", "down"}, "One row down", "move", moving},
	{MoveUp, main, []string{"k", "up"}, "One row up", "move", moving},
	{Top, main | in(Dialog), []string{"g", "home"}, "To the first row", "", moving},
	{Bottom, main | in(Dialog), []string{"G", "end"}, "To the last row", "", moving},
	{PageDown, main | in(Dialog), []string{"ctrl+d", "pgdown"}, "One page down", "", moving},
	{PageUp, main | in(Dialog), []string{"ctrl+u", "pgup"}, "One page up", "", moving},
	{Open, main, []string{"enter", "l", "right"}, "Open what is selected: the details of a torrent, a folder", "open", moving},
	{Back, main, []string{"esc", "h", "left"}, "Back: out of the details, else clear filter and marks", "", moving},
	{NextTab, main, []string{"tab"}, "The next tab or pane", "", moving},
	{PrevTab, main, []string{"shift+tab"}, "The tab or pane before", "", moving},
	{Pick1, main, []string{"1"}, "The first view of the list, or tab", "", moving},
	{Pick2, main, []string{"2"}, "The second view or tab", "", moving},
	{Pick3, main, []string{"3"}, "The third view or tab", "", moving},
	{Pick4, main, []string{"4"}, "The fourth view or tab", "", moving},
	{Pick5, main, []string{"5"}, "The fifth view or tab", "", moving},
	{OpenFiles, main, []string{"f"}, "The files of the torrent", "", moving},

	{Mark, in(List), []string{" "}, "Mark the torrent; what is asked for then goes to all that are marked", "mark", finding},
	{MarkRange, in(List), []string{"V"}, "Mark from the last mark to here", "", finding},
	{MarkInvert, in(List), []string{"*"}, "Mark what is not marked, and the other way round", "", finding},

	{Pause, main, []string{"p"}, "Pause, or start again", "pause", torrents},
	{PauseAll, main, []string{"P"}, "Pause all torrents, or start them again", "", torrents},
	{Add, main, []string{"a"}, "Add a torrent: magnet link, file or URL", "add", torrents},
	{Paste, main, []string{"ctrl+v"}, "Add: a line into which the terminal pastes", "", torrents},
	{Remove, main, []string{"d"}, "Remove, and keep the files; asks first", "remove", torrents},
	{RemoveData, main, []string{"D", "delete"}, "Remove and delete the files; asks first", "", torrents},
	{Undo, main, []string{"u"}, "Take the last removal back, for ten seconds", "", torrents},
	{Verify, main, []string{"v"}, "Verify the files", "", torrents},
	{Reannounce, main, []string{"r"}, "Ask the trackers for peers now", "", torrents},
	{Move, main, []string{"m"}, "Move the files to another folder", "", torrents},
	{Rename, main, []string{"R"}, "Rename", "", torrents},
	{Labels, main, []string{"L"}, "Change the labels", "", torrents},
	{QueueDown, main, []string{"J"}, "Later in the queue", "", torrents},
	{QueueUp, main, []string{"K"}, "Earlier in the queue", "", torrents},
	{Raise, main, []string{"+", "="}, "Higher priority, of the torrent or the file", "", torrents},
	{Lower, main, []string{"-"}, "Lower priority, of the torrent or the file", "", torrents},
	{CopyMagnet, main, []string{"y"}, "Copy the magnet link", "", torrents},
	{OpenFolder, main, []string{"o"}, "Open the folder", "", torrents},
	{DownLess, main, []string{"["}, "Less download for all torrents", "", torrents},
	{DownMore, main, []string{"]"}, "More download for all torrents", "", torrents},
	{UpLess, main, []string{"{"}, "Less upload for all torrents", "", torrents},
	{UpMore, main, []string{"}"}, "More upload for all torrents", "", torrents},
	{AltLimits, main, []string{"t"}, "Alternative limits on or off", "", torrents},

	{Want, in(Files), []string{" "}, "Download the file or folder, or skip it", "want", files},

	{Filter, in(List), []string{"/"}, "Filter as you type", "filter", finding},
	{NextMatch, in(List), []string{"n"}, "The next one that fits", "", finding},
	{PrevMatch, in(List), []string{"N"}, "The one before that fits", "", finding},
	{Sort, in(List), []string{"s"}, "Choose what is sorted by", "", finding},
	{Reverse, in(List), []string{"S"}, "Sort the other way round", "", finding},

	{NextChoice, in(Dialog), []string{"down", "j", "tab", "right", "l"}, "The next answer or row", "choose", answering},
	{PrevChoice, in(Dialog), []string{"up", "k", "shift+tab", "left", "h"}, "The answer or row before", "choose", answering},
	{Accept, in(Dialog, Prompt), []string{"enter"}, "Take what is chosen or typed", "take", answering},
	{Confirm, in(Dialog), []string{"y"}, "Yes, do it: nothing is deleted by any other key, nor in the moment after one", "", answering},
	{Cancel, in(Dialog, Prompt), []string{"esc"}, "Leave everything as it is", "cancel", answering},
	{Refuse, in(Dialog), []string{"n", "q"}, "No: leave everything as it is", "", answering},
	{Complete, in(Prompt), []string{"tab"}, "Complete the word", "complete", answering},
	{Older, in(Prompt), []string{"up"}, "The line before, or up in what is shown", "", answering},
	{Newer, in(Prompt), []string{"down"}, "The line after, or down in what is shown", "", answering},

	{Help, main, []string{"?", "f1"}, "Help for this screen", "help", window},
	{Command, main | in(Dialog), []string{":"}, "A command line: what follows shoal in a shell; % in it is the selected torrent, or those that are marked", "command", window},
	{Zoom, main, []string{"z"}, "Give the whole window to a pane, and back; from the list to the rates, then the log", "", window},
	{Theme, main, []string{"T"}, "The next theme", "", window},
	{Mouse, main, []string{"M"}, "Mouse on or off; off lets the terminal select text", "", window},
	{Redraw, all, []string{"ctrl+l"}, "Draw everything anew", "", window},
	{Suspend, all, []string{"ctrl+z"}, "Back to the shell for a while: fg returns", "", window},
	{Quit, main, []string{"q"}, "Back, and from the list out; a daemon goes on", "quit", window},
	{Exit, all, []string{"ctrl+c"}, "Out at once; a daemon goes on", "", window},
}
