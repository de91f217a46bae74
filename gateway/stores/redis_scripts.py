"""What the Redis store does in one step each: Lua, run by the server without a break.

Keys, all with the prefix (by default ``{gateway}``):

- ``:state``, a hash: ``format``, ``epoch``, ``revision``, ``digest``, ``change`` (a random id
  of the change that made this revision), ``token`` (what the next change has to name), and
  ``flag:NAME`` for each override. One key, so that an eviction takes all of it or nothing.
- ``:trail``, a hash: the change that made each of the last revisions. It tells whether a lost
  answer's change was made, and whether history was rewritten behind one's back.
- ``:audit``, a stream capped at so many entries, with ids 1-0, 2-0, ...
- ``:records:KIND``, a hash: ``BEAT DOCUMENT`` by key.
- ``:changes``, a channel.

Each call sends its whole script (``EVAL``): 1 KB, against the extra turn that ``EVALSHA``
takes after each restart or failover. A script that writes answers a list that begins with 1
if it wrote, 0 if not.
"""

from __future__ import annotations

FORMAT = 1
TRAIL = 1_000  # revisions

# ARGV[1]: a fresh random id, the epoch of a store that is made now.
_MADE = f"""
local state, trail = KEYS[1], KEYS[2]
if redis.call('HEXISTS', state, 'epoch') == 0 then
  redis.call('DEL', state, trail)
  redis.call('HSET', state, 'format', {FORMAT}, 'epoch', ARGV[1], 'revision', 0,
    'digest', '', 'change', ARGV[1], 'token', ARGV[1])
end
"""

# Writes in any case: a server that cannot be written to is no store to start with.
OPEN = _MADE + "redis.call('HSET', state, 'settled', ARGV[1]) return {1}"

# ARGV[2]: the change whose state is known. ARGV[3..5]: the highest revision that was seen,
# its change, its epoch. The trail has another change for that revision after a failover that
# lost writes, once others were made in their place: then the epoch is renewed, for all to see.
# Answers token and epoch, and where the change is not the known one, the whole hash.
READ = (
    _MADE
    + """
local epoch = redis.call('HGET', state, 'epoch')
local was = redis.call('HGET', trail, ARGV[3])
if epoch == ARGV[5] and was and was ~= ARGV[4] then
  epoch = ARGV[1]
  redis.call('HSET', state, 'epoch', epoch)
end
local token = redis.call('HGET', state, 'token')
if redis.call('HGET', state, 'change') == ARGV[2] then return {token, epoch} end
return {token, epoch, redis.call('HGETALL', state)}
"""
)

# ``cap`` is the most entries kept; ids count on from the newest.
_NOTE = """
local function note(audit, cap, entry)
  local newest = redis.call('XREVRANGE', audit, '+', '-', 'COUNT', 1)[1]
  local last = newest and tonumber(string.match(newest[1], '^%d+')) or 0
  redis.call('XADD', audit, 'MAXLEN', cap, string.format('%d-0', last + 1), 'entry', entry)
end
"""

# ARGV[2]: the token that the state must have. ARGV[3]: this change. ARGV[4], [5]: revision and
# digest that it makes. ARGV[6]: channel. ARGV[7]: most audit entries. ARGV[8]: how many pairs of
# flag and override ('': drop it) follow; the rest are audit entries.
UPDATE = (
    _MADE
    + _NOTE
    + f"""
if redis.call('HGET', state, 'token') ~= ARGV[2] then return {{0}} end
redis.call('HSET', state, 'revision', ARGV[4], 'digest', ARGV[5],
  'change', ARGV[3], 'token', ARGV[3])
local at = 9
for _ = 1, tonumber(ARGV[8]) do
  if ARGV[at + 1] == '' then
    redis.call('HDEL', state, 'flag:' .. ARGV[at])
  else
    redis.call('HSET', state, 'flag:' .. ARGV[at], ARGV[at + 1])
  end
  at = at + 2
end
redis.call('HSET', trail, ARGV[4], ARGV[3])
redis.call('HDEL', trail, string.format('%d', tonumber(ARGV[4]) - {TRAIL}))
for entry = at, #ARGV do note(KEYS[3], ARGV[7], ARGV[entry]) end
redis.call('PUBLISH', ARGV[6], ARGV[4])
return {{1}}
"""
)

# After a lost answer; ARGV[2..4] as for UPDATE. 1: that change was made. 0: it was not, and never
# will be: a change that is still on its way (to a server that was frozen) finds another token.
# Writes in any case, so that a WAIT after it waits for the change as well.
SETTLE = (
    _MADE
    + """
redis.call('HSET', state, 'settled', ARGV[3])
if redis.call('HGET', trail, ARGV[4]) == ARGV[3] then return {1} end
if redis.call('HGET', state, 'token') == ARGV[2] then
  redis.call('HSET', state, 'token', ARGV[1])
end
return {0}
"""
)

# KEYS[1]: the audit. ARGV: most entries, entry.
NOTE = _NOTE + "note(KEYS[1], ARGV[1], ARGV[2]) return {1}"

# KEYS[1]: the records of one kind. ARGV: key, the beat expected or '', channel, document ('':
# drop it). Answers 1 and the new beat, or 0 and the record as it stands, if there is one.
PUT = """
local now = redis.call('HGET', KEYS[1], ARGV[1])
local beat = now and tonumber(string.match(now, '^%d+')) or 0
if ARGV[2] ~= '' and tonumber(ARGV[2]) ~= beat then return {0, now} end
if ARGV[4] ~= '' then
  beat = beat + 1
  redis.call('HSET', KEYS[1], ARGV[1], string.format('%d', beat) .. ' ' .. ARGV[4])
elseif redis.call('HDEL', KEYS[1], ARGV[1]) == 0 then
  return {0, now}
end
redis.call('PUBLISH', ARGV[3], '')
return {1, beat}
"""
