"""`iotstream consume --source direct`: one process reads all shards of a stream, without Java.

consumer    the process: signals, health, one task for each shard
 lineage    which shard may begin: parents before children
 starts     where a shard begins
 shard      one shard: pages in, its pipeline driven
 pages      GetRecords: pace, tries, iterators
 threads    what blocks, apart from the event loop
"""
