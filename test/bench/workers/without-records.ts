import { RecordWriter } from '../../../src/tenant/records/writer.ts';

/**
 * The Worker with records switched off, so that what they cost can be measured: a call that writes stores its revision and
 * nothing else. No deployment can be set to this.
 */
RecordWriter.prototype.add = () => {};
RecordWriter.prototype.addRefusal = () => {};
RecordWriter.prototype.flush = () => {};
RecordWriter.prototype.save = function save(this: RecordWriter, { revTo }) {
  this.saveRev(revTo);
  return () => {};
};

export * from '../../../src/index.ts';
export { default } from '../../../src/index.ts';
