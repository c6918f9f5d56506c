/** Bytes of one frame at most; events are smaller than the requests that made them. */
const frameLimit = 2 * 1024 * 1024;
const separator = Buffer.from('\n\n');

/** One block of a stream of server-sent events. */
export interface Frame {
  readonly id: string | undefined;
  readonly event: string | undefined;
  readonly data: string | undefined;
}

/** Cuts a stream of server-sent events, as the services write them, into its blocks. */
export class FrameReader {
  private rest: Buffer = Buffer.alloc(0);

  /** The blocks that are whole now; raises when one grows beyond the bound. */
  read(chunk: Buffer): Frame[] {
    let bytes = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk]);
    const frames: Frame[] = [];
    for (let end = bytes.indexOf(separator); end >= 0; end = bytes.indexOf(separator)) {
      frames.push(frameOf(bytes.toString('utf8', 0, end)));
      bytes = bytes.subarray(end + separator.length);
    }
    if (bytes.length > frameLimit) throw new Error('a frame of the stream is too long');
    this.rest = bytes;
    return frames;
  }
}

function frameOf(block: string): Frame {
  const frame: { -readonly [Name in keyof Frame]: Frame[Name] } = { id: undefined, event: undefined, data: undefined };
  for (const line of block.split('\n')) {
    if (line.startsWith('id: ')) frame.id = line.slice(4);
    else if (line.startsWith('event: ')) frame.event = line.slice(7);
    else if (line.startsWith('data: ')) frame.data = line.slice(6);
  }
  return frame;
}
