package main

// nowDominates says of each scenario what it spends its time on now. Shares are of the server's CPU time as perf record -g shows them on the running process; an account
// without shares says what is known of it otherwise. Whoever changes what dominates changes it here.
func nowDominates() map[string]string {
	return map[string]string{
		"push-image": "Each byte is copied into the page cache once and hashed once: 42% of the CPU time is the kernel's copying there, 13% SHA-256, 4% receiving, 6% syncing. All of SQLite's writing is 11%. On this machine the copying is dear: pages of the cache " +
			"that the hypervisor has taken back have to be given again. The floor, which only receives, hashes, writes and syncs, pays the same.",
		"pull-image": "sendfile: 54% of the CPU time, nearly all of it the kernel's work on the socket. Opening the file is 3%, the records of the audit log 2%. A near client gets a small send buffer (docs/decisions/near-clients-small-buffer.md).",
		"manifest-get": "Go's HTTP server and the kernel below it: 45% outside of berth's own code, writing the answer to the socket alone 20%. Sign-in, decision and manifest come out of memory, and all of berth's handling is 26%; writing " +
			"the audit records of reads, in batches, is 10%, and switching goroutines 13%. olareg reads the index of the repository, so that it is fast while little was pushed there; this run had new installations.",
		"manifest-get-many": "As manifest-get, of which all of berth's handling is 23%; SQLite, for tags and manifests that are not in memory and for the audit records, is 14%.",
		"blob-get":          "Go's HTTP server and the kernel below it, as manifest-get: berth's handling is 28%, audit records of reads are 8%, writing to the socket is 14%. Small blobs are in rows and in memory.",
		"blob-push": "The writer, which runs the statements of all clients in turn and commits them together: 49% of the CPU time, of which syncing is 10% and writing pages 7%. Handling of requests is 34%, 21% of it berth's own. A push is " +
			"two durable writes, one for the upload and one for the layer.",
		"push-small-image": "As blob-push: the writer is 49%, syncing 8%, handling of requests 35%. Ten requests make seven durable writes, and that of the manifest writes its tag and references too. Statements of several tables were planned anew at " +
			"each run, 11% of the CPU time, until SQLite was told to keep plans (storage/sql/plan.go).",
		"large-out": "sendfile: 85% of the CPU time, 63% in the kernel's sending.",
		"large-in": "As push-image: 65% is the kernel's copying into the page cache, 18% SHA-256. How much the copying costs is decided by the pages that the kernel has at hand: in a virtual machine that gives free pages back to its host, the same program took " +
			"between 190 and 450 ms for 100 MiB, and so did the peers and the floor. To hash and write side by side was tried and made no difference.",
		"memory": "Buffers of uploads that are under way (512 KiB each), caches of manifests and small blobs, and SQLite's page caches of 2 MB for each connection.",
		"memory-idle": "34 of 47 MB are pages of the program's file, half of them code and half tables of the Go runtime and of types: they are shared, and the kernel may drop them. 14 MB are its own, of which 3 MB are the collector's. The linker keeps every exported " +
			"method of every type, because kong, text/template and lang/awswire find methods by name.",
		"listing":   "The rows of the page, by an index in the order of the list: the end of a list costs what its beginning does. Of DescribeImages, which is two thirds of the CPU time here, reading is nine tenths: half of it the tags of each image.",
		"lifecycle": "Reading the images in order of push time with their tags: 50% of the CPU time, 37% inside of SQLite. Matching with the rules is 4%.",
		"start":     "Opening the database and checking its schema: nothing is read that grows with the number of images, as the scenario scale shows.",
		"tags-page": "Reading the names: 57% of the CPU time, of which SQLite's walk of the index is 31% and handing over each name through database/sql most of the rest. Looking up the image of each tag, to leave out archived ones, was 60% until it was asked once " +
			"whether the repository has any; a page now costs a seventh of what it did.",
		"pull-while-collecting": "Pieces of the collection, each some milliseconds of one processor, beside which a pull now and then waits for its turn on a processor. Before, the collection took a quarter of the time in pieces of 200 layers, and found a few condemned blobs " +
			"by sorting all of them, which was 39% of the server's CPU time: pulls took 1.7 times as long and more.",
		"scale": "What is in memory costs the same at each size, and so does whatever writes. \"Any repository\" is in memory as a whole in the small registry and not in the large one: repository, tag and manifest are then read from SQLite, which is " +
			"0.15 to 0.2 ms more. Holding all of them would take memory that grows with the registry. The memory that does grow is caches up to their bounds, which the small registry does not fill.",
		"two-nodes": "The nodes' own CPU time, which is the same for a pull with one node and with two: they share nothing but PostgreSQL and S3, which take a twentieth of it or less. Their profile is that of manifest-get and blob-get.",
		"fair": "Both processors are at work, the generator of the flood only when nobody else wants to be. In a trace of the server (berth profile trace) who waited longest waited for 6.8 ms, behind 5.2 ms of requests that had become ready in the same look " +
			"at the network: each of up to 128 connections reads and verifies its request before it stands in a line, and Go runs them in the order in which it found them. To order these, connections and not requests would have to stand in the lines. " +
			"A push is seven writes, one after the other, and each waits so, for the commit that is under way, and for its own. Neither a larger goal of the collector, nor half as many turns, nor shorter commits while several accounts write changed that by more " +
			"than runs differ. Earlier runs on a busy machine had smaller ratios, since it was never calm there. Before the network was looked at between turns, and SQLite's writes stood in one line, a manifest took 4,600 ms in the middle, a push 12,000.",
	}
}
