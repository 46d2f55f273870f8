"""The Lua scripts of the Redis online store, which the server executes atomically.

Belongs here: the scripts. Does not belong here: their callers (`store.py`), the keys (`layout.py`).
"""

# KEYS: token, stream, current. ARGV: prefix, the token whose state the caller has; then for each entity
# `source:key column`, its key and its source.
FETCH = """
local token = redis.call('GET', KEYS[1])
if not token then return {false} end
local places = string.match(token, '^/([%d+]+)/') or string.match(token, '^%d+')
local answer = {token, false}
if token ~= ARGV[2] then answer[2] = redis.call('GET', KEYS[3]) end
for i = 3, #ARGV, 3 do
  local block = false
  for serial in string.gmatch(places, '%d+') do
    local data = ARGV[1] .. 'data:' .. serial .. ':' .. ARGV[i]
    block = redis.call('HGET', data, ARGV[i + 1])
    if not block and redis.call('EXISTS', data) == 0 then block = 0 end
    if block then break end
  end
  answer[#answer + 1] = block
  answer[#answer + 1] = redis.call('HVALS', ARGV[1] .. 'event:' .. ARGV[i] .. ':' .. ARGV[i + 1])
  answer[#answer + 1] = redis.call('HGET', KEYS[2], ARGV[i + 2])
end
return answer
"""

# KEYS: current, staged. ARGV: version, fresh state without a serial, writer, whether this writer began the version.
STAGE = """
local staged = redis.call('GET', KEYS[2])
local known = staged and cjson.decode(staged)
if known and known.version == ARGV[1] and #(known.layers or {}) == 0 then
  local writer = known.writer
  if writer == ARGV[3] then return staged end
  if ARGV[4] == '1' then return false end
  local taken = string.gsub(staged, '"writer": "' .. writer .. '"', '"writer": "' .. ARGV[3] .. '"')
  redis.call('SET', KEYS[2], taken)
  return taken
end
local serial = 0
for i = 1, 2 do
  local state = redis.call('GET', KEYS[i])
  if state then serial = math.max(serial, cjson.decode(state).serial) end
end
local text = string.gsub(ARGV[2], '"serial": 0', '"serial": ' .. string.format('%d', serial + 1))
redis.call('SET', KEYS[2], text)
return text
"""

# KEYS: staged, current, token, stream. ARGV: the staged state that was read, the state to publish, its token, the
# published state that it needs beneath ('' for any), the sources whose streams are read again.
PUBLISH = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[4] ~= '' and redis.call('GET', KEYS[2]) ~= ARGV[4] then return 0 end
redis.call('SET', KEYS[2], ARGV[2])
redis.call('SET', KEYS[3], ARGV[3])
redis.call('DEL', KEYS[1])
for i = 5, #ARGV do redis.call('HDEL', KEYS[4], ARGV[i]) end
return 1
"""
"""Makes the staged version the one that is read, unless the staged state or the one beneath has changed."""

# KEYS: token, the upper hash of blocks, the lower one. ARGV: the token of the version of both, the cursor of the scan,
# how many blocks.
SETTLE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return false end
local found = redis.call('HSCAN', KEYS[2], ARGV[2], 'COUNT', ARGV[3])
for i = 1, #found[2], 2 do
  local key, block = found[2][i], found[2][i + 1]
  if key ~= '' then
    if block == '' then redis.call('HDEL', KEYS[3], key) else redis.call('HSET', KEYS[3], key, block) end
  end
end
return found[1]
"""
"""Copies some blocks of the upper layer into the lower one; returns the cursor, nothing if the version was replaced."""

# KEYS: current, token, then hashes. ARGV: the state that was read, the state in its place, its token.
EXCHANGE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
redis.call('SET', KEYS[2], ARGV[3])
for i = 3, #KEYS do redis.call('UNLINK', KEYS[i]) end
return 1
"""
"""Puts a state of the same version in the place of the one that is read, unless that has changed; drops hashes."""

# KEYS: token, stream. ARGV: the token of the version whose columns the events have, these columns as a JSON list,
# source, the position of its stream ('' for events that are not of a stream); then for each event under each of its
# keys the hash, the event's id and its record.
APPEND = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return false end
local columns = cjson.decode(ARGV[2])
local function whole(stored)
  local read, event = pcall(cjson.decode, stored)
  if not read then return false end
  for _, name in ipairs(columns) do
    if event[name] == nil then return false end
  end
  return true
end
local answer = {}
for i = 5, #ARGV, 3 do
  local put = redis.call('HSETNX', ARGV[i], ARGV[i + 1], ARGV[i + 2])
  if put == 0 and not whole(redis.call('HGET', ARGV[i], ARGV[i + 1])) then
    redis.call('HSET', ARGV[i], ARGV[i + 1], ARGV[i + 2])
    put = 1
  end
  answer[#answer + 1] = put
end
if ARGV[4] ~= '' then redis.call('HSET', KEYS[2], ARGV[3], ARGV[4]) end
return answer
"""
"""Puts events that are not there yet, or that lack a column; nothing if the token's version was replaced."""

# KEYS: token, a hash of records. ARGV: the token of the version that does not need them; then ids and records.
DROP = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return false end
local dropped = 0
for i = 2, #ARGV, 2 do
  if redis.call('HGET', KEYS[2], ARGV[i]) == ARGV[i + 1] then
    dropped = dropped + redis.call('HDEL', KEYS[2], ARGV[i])
  end
end
return dropped
"""
"""Removes records that have not changed since they were read; nothing if the token's version was replaced."""
