"""What libtorrent reads out of a .torrent file: info hash, size, piece length, number of files."""
import sys

import libtorrent as lt

t = lt.torrent_info(sys.argv[1])
print(t.info_hash(), t.total_size(), t.piece_length(), t.num_files())
