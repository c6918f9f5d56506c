import type { MigrationInterface, QueryRunner } from 'typeorm';
import {
  authorizationCopies,
  creationOrder,
  eventTables,
  protect,
  runAsDefiner,
  tenantSettings,
} from '#common/database/index';

const service = 'conversations';

/** Who owns a function; see `creationOrder` for why it is no coalesce. */
const functionOwner = `(CASE WHEN user_id IS NULL THEN created_by ELSE user_id END)`;

const tables = [
  `CREATE TABLE conversations (
     id uuid NOT NULL DEFAULT gen_random_uuid(),
     title text,
     subject text,
     created_at timestamptz DEFAULT now(),
     updated_at timestamptz DEFAULT now(),
     user_id uuid DEFAULT gen_random_uuid(),
     version integer NOT NULL DEFAULT 1,
     CONSTRAINT conversations_pkey PRIMARY KEY (id)
   )`,
  `CREATE INDEX conversations_of_user
     ON conversations (user_id, (${creationOrder()}) DESC, id DESC)`,
  `CREATE TABLE chat_messages (
     id uuid NOT NULL DEFAULT gen_random_uuid(),
     conversation_id uuid NOT NULL,
     message_content text NOT NULL,
     created_at timestamptz DEFAULT now(),
     updated_at timestamptz DEFAULT now(),
     role text,
     user_id uuid,
     version integer NOT NULL DEFAULT 1,
     CONSTRAINT chat_messages_pkey PRIMARY KEY (id),
     CONSTRAINT chat_messages_conversation_id_fkey FOREIGN KEY (conversation_id)
       REFERENCES conversations (id) ON DELETE CASCADE,
     CONSTRAINT chat_messages_role CHECK (role IN ('user', 'assistant', 'system', 'tool'))
   )`,
  `CREATE INDEX chat_messages_of_conversation
     ON chat_messages (conversation_id, (${creationOrder()}) DESC, id DESC)`,
  `CREATE TABLE functions (
     id uuid NOT NULL DEFAULT gen_random_uuid(),
     created_by uuid NOT NULL,
     name text NOT NULL,
     description text,
     created_at timestamptz NOT NULL DEFAULT now(),
     updated_at timestamptz DEFAULT now(),
     code text NOT NULL,
     user_id uuid,
     parameters jsonb,
     version integer NOT NULL DEFAULT 1,
     CONSTRAINT functions_pkey PRIMARY KEY (id)
   )`,
  `CREATE INDEX functions_of_owner ON functions (${functionOwner}, (${creationOrder()}) DESC, id DESC)`,
  `CREATE INDEX functions_of_other_creators ON functions (created_by) WHERE user_id <> created_by`,
  `CREATE TABLE erasures (
     user_id uuid NOT NULL,
     requested_at timestamptz NOT NULL DEFAULT now(),
     actor_id uuid,
     traceparent text,
     waits_for text[],
     swept_at timestamptz,
     conversations integer NOT NULL DEFAULT 0,
     messages integer NOT NULL DEFAULT 0,
     functions integer NOT NULL DEFAULT 0,
     finished_at timestamptz,
     CONSTRAINT erasures_pkey PRIMARY KEY (user_id)
   )`,
  `CREATE INDEX erasures_open ON erasures (swept_at NULLS FIRST, user_id) WHERE finished_at IS NULL`,
];

/** A message belongs to whom its conversation belongs to: a column of its own, so that its policy reads no other table. */
const messageOwner = [
  `CREATE FUNCTION app.message_owner() RETURNS trigger
   LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
   BEGIN
     SELECT c.user_id INTO NEW.user_id FROM public.conversations AS c WHERE c.id = NEW.conversation_id;
     RETURN NEW;
   END $$`,
  `CREATE TRIGGER message_owner BEFORE INSERT OR UPDATE OF conversation_id, user_id ON chat_messages
     FOR EACH ROW EXECUTE FUNCTION app.message_owner()`,
  ...runAsDefiner(service, 'app.message_owner()'),
  `CREATE FUNCTION app.conversation_owner() RETURNS trigger
   LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
   BEGIN
     UPDATE public.chat_messages SET user_id = NEW.user_id WHERE conversation_id = NEW.id;
     RETURN NULL;
   END $$`,
  `CREATE TRIGGER conversation_owner AFTER UPDATE OF user_id ON conversations
     FOR EACH ROW WHEN (OLD.user_id IS DISTINCT FROM NEW.user_id) EXECUTE FUNCTION app.conversation_owner()`,
  ...runAsDefiner(service, 'app.conversation_owner()'),
];

const everyCommand = (condition: string) => ({
  SELECT: condition,
  INSERT: condition,
  UPDATE: condition,
  DELETE: condition,
});

/** Who owns a row is never among the columns that a request may change; of a message it is not even among those it may set. */
const walls = [
  ...protect(service, 'conversations', {
    app: [
      'SELECT',
      'INSERT (id, title, subject, user_id, created_at, updated_at, version)',
      'UPDATE (title, subject, updated_at, version)',
      'DELETE',
    ],
    policies: everyCommand('user_id = app.usr()'),
    definer: ['SELECT (id, user_id)'],
  }),
  ...protect(service, 'chat_messages', {
    app: [
      'SELECT',
      'INSERT (id, conversation_id, message_content, role, created_at, updated_at, version)',
      'UPDATE (message_content, role, updated_at, version)',
      'DELETE',
    ],
    policies: everyCommand('user_id = app.usr()'),
    definer: ['SELECT (conversation_id)', 'UPDATE (user_id)'],
  }),
  ...protect(service, 'functions', {
    app: [
      'SELECT',
      'INSERT (id, created_by, user_id, name, description, code, parameters, created_at, updated_at, version)',
      'UPDATE (name, description, code, parameters, updated_at, version)',
      'DELETE',
    ],
    policies: {
      ...everyCommand(`${functionOwner} = app.usr()`),
      INSERT: 'user_id = app.usr() AND created_by = app.usr()',
    },
  }),
  ...protect(service, 'erasures'),
];

export class CreateConversations1795340000000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    const statements = [
      ...tenantSettings(service),
      ...tables,
      ...eventTables(service),
      ...authorizationCopies(service, { licenses: true }),
      ...messageOwner,
      ...walls,
    ];
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    const copies = ['ref_license', 'ref_session', 'ref_profile', 'ref_user'];
    for (const table of ['erasures', 'functions', 'chat_messages', 'conversations', ...copies]) {
      await queryRunner.query(`DROP TABLE ${table}`);
    }
    await queryRunner.query('DROP SCHEMA events CASCADE');
    await queryRunner.query('DROP SCHEMA app CASCADE');
  }
}
